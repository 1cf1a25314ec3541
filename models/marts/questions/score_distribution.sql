with

courses as (
    select * from {{ ref('score_distribution_by_course') }}
),

bins as (
    select explode(sequence(0, 10)) as bin
),

counted as (
    select
        bins.bin,
        coalesce(sum(courses.messages), 0) as messages,
        coalesce(sum(courses.attempts), 0) as attempts
    from bins
    left join courses using (bin)
    group by bins.bin
)

select
    bin,
    cast(bin / 10 as double) as score_from,
    messages,
    attempts,
    {{ safe_divide('messages', 'sum(messages) over ()') }} as share_of_messages,
    {{ safe_divide('attempts', 'sum(attempts) over ()') }} as share_of_attempts
from counted
