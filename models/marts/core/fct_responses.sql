-- depends_on: {{ ref('flat_attempts') }}
select
    attempt_id,
    question_position,
    base_exam_id,
    question_id,
    user_result,
    is_correct,
    is_incomplete,
    is_submitted,
    option_count,
    correct_option_count,
    correct_selection_count,
    distractor_selection_count,
    is_test_record,
    message_id,
    batch_id
from {{ ref('flat_questions') }}
where batch_id > {{ last_batch() }}
