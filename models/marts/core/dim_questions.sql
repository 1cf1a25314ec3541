with

responses as (
    select * from {{ ref('fct_responses') }}
),

questions as (
    select distinct
        base_exam_id,
        question_id,
        is_test_record
    from responses
),

options as (
    select
        base_exam_id,
        question_id,
        count(*) as option_count,
        count_if(is_correct) as correct_option_count,
        bool_or(has_inconsistent_key) as has_inconsistent_key
    from {{ ref('dim_options') }}
    group by base_exam_id, question_id
)

select
    questions.base_exam_id,
    questions.question_id,
    coalesce(options.option_count, 0) as option_count,
    coalesce(options.correct_option_count, 0) as correct_option_count,
    coalesce(options.correct_option_count > 1, false) as is_multiple_response,
    coalesce(options.has_inconsistent_key, false) as has_inconsistent_key,
    questions.is_test_record as is_test_question
from questions
left join options using (base_exam_id, question_id)
