-- Which few courses make up half of all attempts?
with

courses as (
    select
        exam_name,
        attempts,
        sum(attempts) over () as all_attempts,
        sum(attempts) over (
            order by attempts desc, exam_name asc
            rows between unbounded preceding and current row
        ) as attempts_so_far
    from {{ published(ref('course_popularity')) }}
)

select
    exam_name,
    attempts,
    all_attempts,
    {{ safe_divide('attempts', 'all_attempts') }} as share_of_attempts,
    {{ safe_divide('attempts_so_far', 'all_attempts') }} as cumulative_share
from courses
-- Up to the course with which half is reached.
where 2 * (attempts_so_far - attempts) < all_attempts
order by attempts_so_far
