select
    topic,
    topic_id,
    partition,
    offset,
    batch_id,
    -- Producers may write no timestamp (-1), or microseconds in place of milliseconds.
    coalesce({{ valid_timestamp('timestamp', 'ingested_at') }}, ingested_at) as message_at,
    ingested_at,
    -- The batch is not part of the id: a replayed record keeps its id in a new batch.
    xxhash64(topic, topic_id, partition, offset) as message_id,
    coalesce(octet_length(value), 0) as value_bytes,
    xxhash64(value) as value_hash,
    value
from {{ source('raw', 'assess') }}
