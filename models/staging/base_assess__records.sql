select
    topic,
    topic_id,
    partition,
    offset,
    batch_id,
    -- Where Kafka's timestamp is no usable date, the time of the ingest stands for it.
    if(
        timestamp between timestamp '0001-01-01 00:00:00' and timestamp '9999-12-31 23:59:59.999',
        timestamp,
        ingested_at
    ) as message_at,
    ingested_at,
    -- A record is its coordinates: a replay brings the same record again, in a new batch.
    xxhash64(topic, topic_id, partition, offset) as message_id,
    coalesce(octet_length(value), 0) as value_bytes,
    xxhash64(value) as value_hash,
    value
from {{ source('raw', 'assess') }}
