-- The courses, perfect scores, failures and durations of all courses add up to those of all
-- attempts.
with

popular as (
    select count(*) as courses from {{ ref('course_popularity') }}
),

perfect_courses as (
    select coalesce(sum(attempts), 0) as attempts from {{ ref('perfect_scores_by_course') }}
),

failed_courses as (
    select coalesce(sum(attempts), 0) as attempts from {{ ref('below_pass_mark_by_course') }}
),

timed_courses as (
    select coalesce(sum(attempts), 0) as attempts from {{ ref('time_to_finish_by_course') }}
)

select
    assessed.courses,
    popular.courses as counted_courses,
    perfect.attempts as perfect_attempts,
    perfect_courses.attempts as counted_perfect_attempts,
    failed.attempts as failed_attempts,
    failed_courses.attempts as counted_failed_attempts,
    timed.attempts as timed_attempts,
    timed_courses.attempts as counted_timed_attempts
from {{ ref('courses_assessed') }} as assessed
cross join popular
cross join {{ ref('perfect_scores') }} as perfect
cross join perfect_courses
cross join {{ ref('below_pass_mark') }} as failed
cross join failed_courses
cross join {{ ref('time_to_finish') }} as timed
cross join timed_courses
where
    assessed.courses != popular.courses
    or perfect.attempts != perfect_courses.attempts
    or failed.attempts != failed_courses.attempts
    or timed.attempts != timed_courses.attempts
