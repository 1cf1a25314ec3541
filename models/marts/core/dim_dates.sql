with

bounds as (
    select
        min(started_date) as first_date,
        max(started_date) as last_date
    from {{ ref('fct_attempts') }}
),

dates as (
    select explode(sequence(first_date, last_date, interval 1 day)) as date_day
    from bounds
    where first_date is not null
)

select
    date_day,
    year(date_day) as year,
    month(date_day) as month,
    day(date_day) as day_of_month,
    extract(yearofweek from date_day) as iso_year,
    weekofyear(date_day) as iso_week,
    weekday(date_day) + 1 as iso_weekday,
    weekday(date_day) >= 5 as is_weekend
from dates
