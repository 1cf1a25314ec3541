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
    -- No model depends on these three fields, so a value that cannot be parsed is null.
    {{ valid_timestamp(from_unix_seconds('message.keen_created_at'), 'message_at') }} as created_at,
    case
        when message.max_attempts rlike '^[0-9]{1,9}([.][0-9]{1,9})?$'
            then try_cast(message.max_attempts as double)
    end as max_attempts,
    case message.certification when 'true' then true when 'false' then false end
        as is_certification,
    message.sequences.id as sequence_id,
    message.sequences.attempt as sequence_attempt,
    message.sequences.counts,
    message.sequences.questions,
    {{ is_test_record('message') }} as is_test_record,
    if(unknown_keys is null, 'typed', 'typed_with_unknown_keys') as parse_status,
    unknown_keys
from accepted
