with

attempts as (
    select message_id
    from {{ ref('flat_attempts') }}
    where batch_id > {{ last_batch() }}
),

messages as (
    select *
    from {{ ref('stg_assess__messages') }}
    where batch_id > {{ last_batch() }}
),

exploded as (
    select
        messages.attempt_id,
        messages.base_exam_id,
        messages.is_test_record,
        messages.message_id,
        messages.batch_id,
        posexplode(messages.questions) as (position, question)
    from messages
    left semi join attempts using (message_id)
)

select
    attempt_id,
    position + 1 as question_position,
    base_exam_id,
    question.id as question_id,
    question.user_result,
    question.user_correct as is_correct,
    question.user_incomplete as is_incomplete,
    question.user_submitted as is_submitted,
    {{ count_options() }} as option_count,
    {{ count_options('option.correct') }} as correct_option_count,
    {{ count_options('option.checked and option.correct') }} as correct_selection_count,
    {{ count_options('option.checked and option.correct is not true') }}
        as distractor_selection_count,
    is_test_record,
    message_id,
    batch_id
from exploded
