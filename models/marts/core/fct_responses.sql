-- depends_on: {{ ref('flat_attempts') }}
{{
    config(
        materialized='incremental',
        unique_key='attempt_id',
        meta={'changed_in': {'model': 'flat_attempts', 'batch': 'batch_id'}},
    )
}}

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
    right_option_count,
    right_choice_count,
    wrong_choice_count,
    is_test_record,
    message_id,
    batch_id
from {{ ref('flat_questions') }}
where batch_id > {{ last_batch() }}
