with

attempts as (
    select * from {{ ref('flat_attempts') }}
)

select
    attempt_id,
    user_exam_id,
    base_exam_id,
    exam_name,
    is_test_record,
    started_at,
    recorded_at,
    question_count,
    correct_count,
    incorrect_count,
    incomplete_count,
    unanswered_count,
    -- A decimal, because a sum of doubles depends on the order in which they come.
    cast(try_divide(correct_count, question_count) as decimal(18, 15)) as score,
    is_all_correct,
    message_count
from attempts
