{{ config(materialized='table') }}

with

messages as (
    select
        message_id,
        batch_id,
        attempt_id,
        -- When it arrived; the topic and its id make the order total.
        struct(message_at, topic_id, partition, offset, topic) as arrived
    from {{ ref('stg_assess__messages') }}
)

select
    attempt_id,
    min_by(message_id, arrived) as message_id,
    min_by(batch_id, arrived) as batch_id,
    count(*) as message_count
from messages
group by attempt_id
