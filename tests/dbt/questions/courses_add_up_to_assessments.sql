-- The courses' messages and attempts add up to those of all assessments.
with

courses as (
    select
        coalesce(sum(messages), 0) as messages,
        coalesce(sum(attempts), 0) as attempts,
        count(*) as courses
    from {{ ref('course_popularity') }}
)

select
    courses.messages as messages_of_courses,
    courses.attempts as attempts_of_courses,
    courses.courses,
    taken.messages,
    taken.attempts
from courses
cross join {{ ref('assessments_taken') }} as taken
cross join {{ ref('courses_assessed') }} as assessed
where
    courses.messages != taken.messages
    or courses.attempts != taken.attempts
    or courses.courses != assessed.courses
