with

courses as (
    select * from {{ ref('course_popularity') }}
),

most as (
    select
        max(messages) as messages,
        max(attempts) as attempts
    from courses
)

-- Ties are named together, in the order of the alphabet.
select
    {{ listagg_distinct('courses.exam_name', 'courses.messages = most.messages') }}
        as course_by_messages,
    max(most.messages) as messages,
    {{ listagg_distinct('courses.exam_name', 'courses.attempts = most.attempts') }}
        as course_by_attempts,
    max(most.attempts) as attempts
from courses
cross join most
