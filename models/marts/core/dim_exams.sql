{{ config(materialized='incremental', incremental_strategy='replace') }}
{% set since = kept_since(ref('fct_responses')) if is_incremental() -%}

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

-- Of all attempts; or of those that came since, and what was made of the others.
questions_of_attempts as (
    select
        base_exam_id,
        count(*) as fewest_questions,
        count(*) as most_questions
    from {{ ref('fct_responses') }}
    {% if since -%} with ('start-snapshot-id' = '{{ since }}') {%- endif %}
    group by base_exam_id, attempt_id
    {% if since -%}
        union all
        select
            base_exam_id,
            nullif(fewest_questions, 0) as fewest_questions,
            nullif(most_questions, 0) as most_questions
        from {{ this }}
    {%- endif %}
),

questions_of_exams as (
    select
        base_exam_id,
        min(fewest_questions) as fewest_questions,
        max(most_questions) as most_questions
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
