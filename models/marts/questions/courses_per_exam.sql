with

attempts as (
    select * from {{ ref('fct_attempts') }}
),

courses as (
    select * from {{ ref('dim_courses') }}
)

select
    attempts.base_exam_id,
    count(distinct attempts.exam_name) as courses,
    {{ listagg_distinct('attempts.exam_name', 'true') }} as exam_names,
    max(courses.exam_count) as exams_of_the_course,
    sum(attempts.message_count) as messages,
    count(*) as attempts
from attempts
inner join courses using (exam_name)
group by attempts.base_exam_id
