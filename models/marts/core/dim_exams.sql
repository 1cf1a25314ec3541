with

attempts as (
    select * from {{ ref('fct_attempts') }}
),

exams as (
    select
        base_exam_id,
        -- A renamed course has the newest name; of equally new ones the last in the alphabet.
        max_by(exam_name, struct(started_at, exam_name)) as exam_name,
        count(distinct exam_name) as course_count,
        bool_and(is_test_record) as is_test_exam,
        min(started_at) as first_started_at,
        max(started_at) as last_started_at
    from attempts
    group by base_exam_id
),

questions_of_attempts as (
    select
        base_exam_id,
        count(*) as question_count
    from {{ ref('fct_responses') }}
    group by base_exam_id, attempt_id
),

questions_of_exams as (
    select
        base_exam_id,
        min(question_count) as min_question_count,
        max(question_count) as max_question_count
    from questions_of_attempts
    group by base_exam_id
)

select
    base_exam_id,
    exams.exam_name,
    exams.course_count,
    coalesce(questions_of_exams.min_question_count, 0) as min_question_count,
    coalesce(questions_of_exams.max_question_count, 0) as max_question_count,
    exams.is_test_exam,
    exams.first_started_at,
    exams.last_started_at
from exams
left join questions_of_exams using (base_exam_id)
