with

attempts as (
    select * from {{ ref('flat_attempts') }}
),

messages as (
    select * from {{ ref('stg_assess__messages') }}
),

exploded as (
    select
        attempts.attempt_id,
        attempts.base_exam_id,
        attempts.is_test_record,
        posexplode(messages.questions) as (position, question)
    from attempts
    inner join messages using (topic, partition, offset)
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
    is_test_record
from exploded
