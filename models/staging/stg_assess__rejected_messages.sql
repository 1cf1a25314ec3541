select
    message_id,
    topic,
    topic_id,
    partition,
    offset,
    batch_id,
    message_at,
    ingested_at,
    reason,
    detail,
    value_text
from {{ ref('base_assess__messages') }}
where reason is not null
