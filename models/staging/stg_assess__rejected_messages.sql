select
    topic,
    partition,
    offset,
    message_at,
    batch_id,
    ingested_at,
    reason,
    detail,
    value_text
from {{ ref('base_assess__messages') }}
where reason is not null
