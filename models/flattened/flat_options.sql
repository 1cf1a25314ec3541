with

attempts as (
    select * from {{ ref('flat_attempts') }}
),

messages as (
    select * from {{ ref('stg_assess__messages') }}
),

questions as (
    select
        attempts.attempt_id,
        attempts.base_exam_id,
        attempts.is_test_record,
        posexplode(messages.questions) as (question_index, question)
    from attempts
    inner join messages using (topic, partition, offset)
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
    try_cast(option.at as timestamp) as clicked_at,
    is_test_record
from options
