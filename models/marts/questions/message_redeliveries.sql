with

attempts as (
    select * from {{ ref('fct_attempts') }}
)

select
    message_count,
    count(*) as attempts,
    sum(message_count) as messages,
    sum(message_count - 1) as redeliveries
from attempts
group by message_count
