with

-- Test records have no counts, and so no score.
scored as (
    select
        exam_name,
        -- Tenths: 0 for a score below 0.1, and so on; a full score has the bin 10 to itself.
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
    {{ share('messages', 'sum(messages) over (partition by exam_name)') }} as share_of_messages,
    {{ share('attempts', 'sum(attempts) over (partition by exam_name)') }} as share_of_attempts
from counted
