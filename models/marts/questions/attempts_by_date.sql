with

attempts as (
    select * from {{ ref('fct_attempts') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
)

select
    dates.date_day,
    coalesce(sum(attempts.message_count), 0) as messages,
    count(attempts.attempt_id) as attempts
from dates
left join attempts on dates.date_day = attempts.started_date
group by dates.date_day
