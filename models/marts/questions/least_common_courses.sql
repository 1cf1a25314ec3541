with

courses as (
    select
        *,
        rank() over (order by messages) as rank_by_messages,
        rank() over (order by attempts) as rank_by_attempts
    from {{ ref('course_popularity') }}
)

-- Ties share a rank, so either all of them are here or none.
select
    exam_name,
    messages,
    attempts,
    cast(rank_by_messages as bigint) as rank_by_messages,
    cast(rank_by_attempts as bigint) as rank_by_attempts
from courses
where least(rank_by_messages, rank_by_attempts) <= 10
