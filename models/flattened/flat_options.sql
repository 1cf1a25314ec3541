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

questions as (
    select
        messages.attempt_id,
        messages.base_exam_id,
        messages.is_test_record,
        messages.message_id,
        messages.batch_id,
        messages.message_at,
        posexplode(messages.questions) as (question_index, question)
    from messages
    left semi join attempts using (message_id)
),

options as (
    select
        *,
        posexplode(question.options) as (option_index, option)
    from questions
)

select
    attempt_id,
    question_index + 1 as question_position,
    option_index + 1 as option_position,
    base_exam_id,
    question.id as question_id,
    option.id as option_id,
    option.checked as is_checked,
    coalesce(option.correct, false) as is_correct,
    option.submitted is not null as is_submitted,
    {{ valid_timestamp(from_iso_8601('option.at'), 'message_at') }} as clicked_at,
    is_test_record,
    message_id,
    batch_id
from options
