with

messages as (
    select
        attempt_id,
        message_id,
        batch_id,
        topic,
        topic_id,
        partition,
        offset,
        message_at
    from {{ ref('stg_assess__messages') }}
),

-- An attempt with a new message is made again from all its messages.
changed as (
    select distinct attempt_id
    from messages
    where batch_id > {{ last_batch() }}
),

of_changed as (
    select messages.*
    from messages
    left semi join changed using (attempt_id)
),

ordered as (
    select
        *,
        -- Topic and topic id make the order total.
        row_number() over (
            partition by attempt_id
            order by message_at, topic_id, partition, offset, topic
        ) as message_number,
        count(*) over (partition by attempt_id) as message_count,
        max(batch_id) over (partition by attempt_id) as latest_batch_id
    from of_changed
)

select
    attempt_id,
    message_id,
    batch_id,
    message_count,
    latest_batch_id
from ordered
where message_number = 1
