with

-- Test records have no counts, so they have no score.
scored as (
    select
        exam_name,
        -- Bin 0 is a score below 0.1, and so on; bin 10 is a full score.
        cast(floor(score * 10) as int) as bin,
        message_count
    from {{ ref('fct_attempts') }}
    where score is not null
),

courses as (
    select distinct exam_name from scored
),

bins as (
    select
        exam_name,
        explode(sequence(0, 10)) as bin
    from courses
),

counted as (
    select
        exam_name,
        bins.bin,
        coalesce(sum(scored.message_count), 0) as messages,
        count(scored.message_count) as attempts
    from bins
    left join scored using (exam_name, bin)
    group by exam_name, bins.bin
)

select
    exam_name,
    bin,
    cast(bin / 10 as double) as score_from,
    messages,
    attempts,
    {{ safe_divide('messages', 'sum(messages) over (partition by exam_name)') }}
        as share_of_messages,
    {{ safe_divide('attempts', 'sum(attempts) over (partition by exam_name)') }}
        as share_of_attempts
from counted
