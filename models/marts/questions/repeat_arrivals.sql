with

attempts as (
    select * from {{ ref('fct_attempts') }}
)

select
    message_count,
    count(*) as attempts,
    sum(message_count) as messages,
    sum(message_count - 1) as repeats
from attempts
group by message_count
