with

accepted as (
    select *
    from {{ ref('base_assess__messages') }}
    where reason is null
)

select
    message_id,
    topic,
    topic_id,
    partition,
    offset,
    batch_id,
    message_at,
    ingested_at,
    message.keen_id as attempt_id,
    message.user_exam_id,
    message.base_exam_id,
    message.exam_name,
    {{ from_iso_8601('message.started_at') }} as started_at,
    {{ from_unix_seconds('message.keen_timestamp') }} as recorded_at,
    {{ from_unix_seconds('message.keen_created_at') }} as created_at,
    try_cast(message.max_attempts as double) as max_attempts,
    try_cast(message.certification as boolean) as is_certification,
    message.sequences.id as sequence_id,
    message.sequences.attempt as sequence_attempt,
    message.sequences.counts,
    message.sequences.questions,
    message.base_exam_id = 'example-id' as is_test_record,
    if(unknown_keys is null, 'typed', 'typed_with_unknown_keys') as parse_status,
    unknown_keys
from accepted
