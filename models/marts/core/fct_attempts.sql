{{
    config(
        materialized='incremental',
        tblproperties={'write.merge.mode': 'merge-on-read'},
        pre_hook="{{ delete_gone(ref('flat_attempts')) }}",
        post_hook="{{ update_message_counts(ref('flat_attempts')) }}",
    )
}}

with

attempts as (
    select
        *,
        {{ seconds_between('started_at', 'recorded_at') }} as seconds
    from {{ ref('flat_attempts') }}
    where {{ is_new(ref('flat_attempts')) }}
)

select
    attempt_id,
    user_exam_id,
    base_exam_id,
    exam_name,
    is_test_record,
    started_at,
    {{ utc_date('started_at') }} as started_on,
    recorded_at,
    -- Clocks lie, and attempts are left open: out of these bounds it is no time spent on it.
    case
        when seconds between 0 and {{ var('longest_duration_seconds') }} then seconds
    end as duration_seconds,
    question_count,
    correct_count,
    incorrect_count,
    incomplete_count,
    unanswered_count,
    -- A decimal, because a sum of doubles depends on the order in which they come.
    cast(try_divide(correct_count, question_count) as decimal(18, 15)) as score,
    is_all_correct,
    message_count,
    message_id,
    batch_id
from attempts
