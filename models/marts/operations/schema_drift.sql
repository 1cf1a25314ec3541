with

messages as (
    select
        *,
        explode(unknown_keys) as unknown_key
    from {{ ref('stg_assess__messages') }}
)

select
    unknown_key,
    count(*) as messages,
    min(message_at) as first_message_at,
    max(message_at) as last_message_at,
    min_by(
        concat(topic, ' ', partition, ' ', offset),
        struct(message_at, topic_id, partition, offset)
    ) as first_record
from messages
group by unknown_key
