with

attempts as (
    select * from {{ ref('fct_attempts') }}
),

exams as (
    select
        base_exam_id,
        -- The newest name, where a course was renamed; of equals the last in the alphabet.
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
        min(question_count) as fewest_questions,
        max(question_count) as most_questions
    from questions_of_attempts
    group by base_exam_id
)

select
    base_exam_id,
    exams.exam_name,
    exams.course_count,
    coalesce(questions_of_exams.fewest_questions, 0) as fewest_questions,
    coalesce(questions_of_exams.most_questions, 0) as most_questions,
    exams.is_test_exam,
    exams.first_started_at,
    exams.last_started_at
from exams
left join questions_of_exams using (base_exam_id)
