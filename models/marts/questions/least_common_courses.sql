with

courses as (
    select
        *,
        rank() over (order by messages) as place_by_messages,
        rank() over (order by attempts) as place_by_attempts
    from {{ ref('course_popularity') }}
)

-- Courses that are equally rare share a place, and are all here if one of them is.
select
    exam_name,
    messages,
    attempts,
    cast(place_by_messages as bigint) as place_by_messages,
    cast(place_by_attempts as bigint) as place_by_attempts
from courses
where least(place_by_messages, place_by_attempts) <= 10
