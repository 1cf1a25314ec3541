{{ config(materialized='table') }}

with

arrivals as (
    select
        attempt_id,
        message_id,
        batch_id,
        -- The topic and its id make the order total.
        row_number() over (
            partition by attempt_id
            order by message_at, topic_id, partition, offset, topic
        ) as arrival,
        count(*) over (partition by attempt_id) as message_count
    from {{ ref('stg_assess__messages') }}
)

select
    attempt_id,
    message_id,
    batch_id,
    message_count
from arrivals
where arrival = 1
