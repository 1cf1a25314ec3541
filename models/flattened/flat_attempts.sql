{{
    config(
        tblproperties={'write.merge.mode': 'merge-on-read'},
        pre_hook="{{ delete_gone(ref('int_attempts__first_arrivals')) }}",
        post_hook="{{ update_message_counts(ref('int_attempts__first_arrivals')) }}",
    )
}}

with

first_arrivals as (
    select
        message_id,
        message_count
    from {{ ref('int_attempts__first_arrivals') }}
),

messages as (
    select *
    from {{ ref('stg_assess__messages') }}
    where {{ is_new(ref('int_attempts__first_arrivals')) }}
)

select
    messages.attempt_id,
    messages.user_exam_id,
    messages.base_exam_id,
    messages.exam_name,
    messages.is_test_record,
    messages.started_at,
    messages.recorded_at,
    messages.created_at,
    messages.max_attempts,
    messages.is_certification,
    messages.sequence_id,
    messages.sequence_attempt,
    messages.counts.total as question_count,
    messages.counts.correct as correct_count,
    messages.counts.incorrect as incorrect_count,
    messages.counts.incomplete as incomplete_count,
    messages.counts.submitted as submitted_count,
    messages.counts.unanswered as unanswered_count,
    messages.counts.all_correct as is_all_correct,
    first_arrivals.message_count,
    messages.message_id,
    messages.topic,
    messages.topic_id,
    messages.partition,
    messages.offset,
    messages.batch_id,
    messages.message_at
from messages
inner join first_arrivals using (message_id)
