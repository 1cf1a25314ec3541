{{
    config(
        unique_key='attempt_id',
        meta={'changed_in': {'model': 'stg_assess__messages', 'batch': 'batch_id'}},
    )
}}

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

-- An attempt of which a message is new is counted again, with all its messages.
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
        -- The topic and its id make the order total.
        row_number() over (
            partition by attempt_id
            order by message_at, topic_id, partition, offset, topic
        ) as arrival,
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
where arrival = 1
