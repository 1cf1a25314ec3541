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
