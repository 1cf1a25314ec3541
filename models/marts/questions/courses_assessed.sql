with

courses as (
    select * from {{ ref('dim_courses') }}
),

attempts as (
    select * from {{ ref('fct_attempts') }}
)

select
    (select count(*) from courses) as courses,
    (select count(distinct base_exam_id) from attempts) as exams,
    (select count_if(is_test_course) from courses) as test_courses
