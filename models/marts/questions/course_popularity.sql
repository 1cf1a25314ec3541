with

attempts as (
    select * from {{ ref('fct_attempts') }}
),

counted as (
    select
        exam_name,
        sum(message_count) as messages,
        count(*) as attempts
    from attempts
    group by exam_name
)

select
    exam_name,
    messages,
    attempts,
    -- By messages, as in the published study. Ties share a rank.
    cast(rank() over (order by messages desc) as bigint) as rank
from counted
