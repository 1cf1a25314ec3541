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
        count_if(is_correct) as right_option_count,
        bool_or(is_key_disputed) as is_key_disputed
    from {{ ref('dim_options') }}
    group by base_exam_id, question_id
)

select
    questions.base_exam_id,
    questions.question_id,
    coalesce(options.option_count, 0) as option_count,
    coalesce(options.right_option_count, 0) as right_option_count,
    coalesce(options.right_option_count > 1, false) as has_several_right_options,
    coalesce(options.is_key_disputed, false) as is_key_disputed,
    questions.is_test_record as is_test_question
from questions
left join options using (base_exam_id, question_id)
