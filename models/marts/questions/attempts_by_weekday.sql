with

attempts as (
    select
        weekday(started_date) + 1 as iso_weekday,
        message_count
    from {{ ref('fct_attempts') }}
),

-- Weekdays without attempts are rows, too.
every_weekday as (
    select explode(sequence(1, 7)) as iso_weekday
)

select
    every_weekday.iso_weekday,
    coalesce(sum(attempts.message_count), 0) as messages,
    count(attempts.message_count) as attempts
from every_weekday
left join attempts using (iso_weekday)
group by every_weekday.iso_weekday
