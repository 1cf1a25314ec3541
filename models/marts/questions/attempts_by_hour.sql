with

attempts as (
    select
        {{ utc_hour('started_at') }} as hour_of_day,
        message_count
    from {{ ref('fct_attempts') }}
),

-- Hours without attempts are rows, too.
every_hour as (
    select explode(sequence(0, 23)) as hour_of_day
)

select
    every_hour.hour_of_day,
    coalesce(sum(attempts.message_count), 0) as messages,
    count(attempts.message_count) as attempts
from every_hour
left join attempts using (hour_of_day)
group by every_hour.hour_of_day
