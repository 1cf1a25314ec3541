-- In which two hours of the day (UTC) would maintenance disturb the fewest attempts?
with

hours as (
    select
        hour_of_day,
        attempts
    from {{ published(ref('attempts_by_hour')) }}
)

select
    hours.hour_of_day as from_hour,
    mod(hours.hour_of_day + 2, 24) as to_hour,
    hours.attempts + next_hours.attempts as attempts,
    sum(hours.attempts) over () as all_attempts,
    {{ safe_divide('hours.attempts + next_hours.attempts', 'sum(hours.attempts) over ()') }}
        as share_of_attempts
from hours
inner join hours as next_hours
    on next_hours.hour_of_day = mod(hours.hour_of_day + 1, 24)
order by attempts, from_hour
