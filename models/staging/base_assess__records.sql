select
    topic,
    topic_id,
    partition,
    offset,
    batch_id,
    -- A producer may write none (-1), or microseconds for milliseconds.
    coalesce({{ possible_moment('timestamp', 'ingested_at') }}, ingested_at) as message_at,
    ingested_at,
    -- A record is its coordinates: a replay brings the same record again, in a new batch.
    xxhash64(topic, topic_id, partition, offset) as message_id,
    coalesce(octet_length(value), 0) as value_bytes,
    xxhash64(value) as value_hash,
    value
from {{ source('raw', 'assess') }}
