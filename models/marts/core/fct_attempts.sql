with

attempts as (
    select
        *,
        {{ seconds_between('started_at', 'recorded_at') }} as seconds
    from {{ ref('flat_attempts') }}
    where latest_batch_id > {{ last_batch() }}
)

select
    attempt_id,
    user_exam_id,
    base_exam_id,
    exam_name,
    is_test_record,
    started_at,
    {{ utc_date('started_at') }} as started_date,
    recorded_at,
    -- Clocks are wrong and attempts are left open, so a duration out of these bounds means nothing.
    case
        when seconds between 0 and {{ setting('max_duration_seconds') }} then seconds
    end as duration_seconds,
    question_count,
    correct_count,
    incorrect_count,
    incomplete_count,
    unanswered_count,
    -- A decimal, because a sum of doubles depends on the order of the rows.
    cast(try_divide(correct_count, question_count) as decimal(18, 15)) as score,
    is_all_correct,
    message_count,
    message_id,
    batch_id,
    latest_batch_id
from attempts
