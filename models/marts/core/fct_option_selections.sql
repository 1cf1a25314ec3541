-- depends_on: {{ ref('flat_attempts') }}
select
    attempt_id,
    question_position,
    option_position,
    base_exam_id,
    question_id,
    option_id,
    is_correct,
    clicked_at,
    is_test_record,
    message_id,
    batch_id
from {{ ref('flat_options') }}
where
    is_checked
    and batch_id > {{ last_batch() }}
