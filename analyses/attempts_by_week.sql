-- Are more assessments taken from week to week?
with

weeks as (
    select
        dates.iso_year,
        dates.iso_week,
        min(date_day) as first_day,
        count(*) as days,
        sum(taken.attempts) as attempts
    from {{ published(ref('attempts_by_date')) }} as taken
    inner join {{ published(ref('dim_dates')) }} as dates using (date_day)
    group by dates.iso_year, dates.iso_week
)

select
    iso_year,
    iso_week,
    first_day,
    -- The first week and the last one can be incomplete, so days are compared.
    days,
    attempts,
    {{ safe_divide('attempts', 'days') }} as attempts_per_day,
    {{ safe_divide('attempts', 'days') }}
    - lag({{ safe_divide('attempts', 'days') }}) over (order by first_day) as change_per_day
from weeks
order by first_day
