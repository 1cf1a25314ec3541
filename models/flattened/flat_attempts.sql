with

messages as (
    select * from {{ ref('stg_assess__messages') }}
),

-- A message that comes again has the attempt's id again; the first arrival speaks for the attempt.
arrivals as (
    select
        *,
        row_number() over (partition by attempt_id order by message_at, partition, offset) as arrival,
        count(*) over (partition by attempt_id) as message_count
    from messages
)

select
    attempt_id,
    user_exam_id,
    base_exam_id,
    exam_name,
    is_test_record,
    started_at,
    recorded_at,
    created_at,
    max_attempts,
    is_certification,
    sequence_id,
    sequence_attempt,
    counts.total as question_count,
    counts.correct as correct_count,
    counts.incorrect as incorrect_count,
    counts.incomplete as incomplete_count,
    counts.submitted as submitted_count,
    counts.unanswered as unanswered_count,
    counts.all_correct as is_all_correct,
    message_count,
    topic,
    partition,
    offset,
    message_at,
    batch_id
from arrivals
where arrival = 1
