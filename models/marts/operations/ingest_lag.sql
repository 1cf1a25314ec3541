-- depends_on: {{ ref('base_assess__messages') }}
with

batch_log as (
    select
        *,
        row_number() over (
            partition by topic, topic_id, partition order by batch_id desc
        ) as recency
    from {{ source('raw', 'ingest_batches') }}
    -- A replay reads old offsets again, so it does not show how far ingest is.
    where
        decision is distinct from 'replay'
        and topic = {{ topic() }}
        and batch_id <= {{ newest_batch() }}
),

newest as (
    select
        *,
        max(committed_at) over () as newest_at
    from batch_log
    where recency = 1
)

select
    topic,
    topic_id,
    partition,
    batch_id,
    end_offset as next_offset,
    kafka_end_offset,
    kafka_end_offset - end_offset as lag_offsets,
    committed_at,
    max_timestamp as newest_message_at,
    {{ seconds_between('committed_at', as_of('newest_at')) }} as seconds_since_commit
from newest
