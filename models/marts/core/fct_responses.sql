-- depends_on: {{ ref('flat_attempts') }}
{{
    config(
        materialized='incremental',
        unique_key='attempt_id',
        meta={'changed_in': {'model': 'flat_attempts', 'batch': 'batch_id'}},
    )
}}

with

questions as (
    select *
    from {{ ref('flat_questions') }}
    where batch_id > {{ last_batch() }}
),

options as (
    select *
    from {{ ref('flat_options') }}
    where batch_id > {{ last_batch() }}
),

options_of_questions as (
    select
        message_id,
        question_position,
        count(*) as option_count,
        count_if(is_correct) as right_option_count,
        count_if(is_checked and is_correct) as right_choice_count,
        count_if(is_checked and not is_correct) as wrong_choice_count
    from options
    group by message_id, question_position
)

select
    questions.attempt_id,
    questions.question_position,
    questions.base_exam_id,
    questions.question_id,
    questions.user_result,
    questions.is_correct,
    questions.is_incomplete,
    questions.is_submitted,
    coalesce(options_of_questions.option_count, 0) as option_count,
    coalesce(options_of_questions.right_option_count, 0) as right_option_count,
    coalesce(options_of_questions.right_choice_count, 0) as right_choice_count,
    coalesce(options_of_questions.wrong_choice_count, 0) as wrong_choice_count,
    questions.is_test_record,
    questions.message_id,
    questions.batch_id
from questions
left join options_of_questions using (message_id, question_position)
