with

raw_records as (
    select
        topic,
        topic_id,
        batch_id,
        partition,
        count(*) as raw_rows
    from {{ ref('base_assess__records') }}
    where batch_id <= {{ newest_batch() }}
    group by topic, topic_id, batch_id, partition
),

judged as (
    select
        topic,
        topic_id,
        batch_id,
        partition,
        count_if(reason is null) as staged_rows,
        count_if(reason is not null) as rejected_rows
    from {{ ref('base_assess__messages') }}
    group by topic, topic_id, batch_id, partition
),

flattened as (
    select
        topic,
        topic_id,
        batch_id,
        partition,
        count(*) as flattened_rows
    from {{ ref('flat_attempts') }}
    group by topic, topic_id, batch_id, partition
),

ledger as (
    select
        batches.topic,
        batches.topic_id,
        batches.batch_id,
        batches.partition,
        batches.rows as ledger_rows,
        exists(
            collect_list(replays.batch_id), replay -> replay is not null
        ) as is_partly_replayed
    from {{ source('raw', 'ingest_batches') }} as batches
    left join {{ source('raw', 'ingest_batches') }} as replays
        on
            replays.decision = 'replay'
            and batches.topic = replays.topic
            and batches.topic_id = replays.topic_id
            and batches.partition = replays.partition
            and batches.batch_id < replays.batch_id
            and batches.start_offset < replays.end_offset
            and batches.end_offset > replays.start_offset
            and replays.batch_id <= {{ newest_batch() }}
    where
        batches.topic = {{ topic() }}
        and batches.batch_id <= {{ newest_batch() }}
    group by
        batches.topic, batches.topic_id, batches.batch_id, batches.partition, batches.rows
)

select
    topic,
    topic_id,
    batch_id,
    partition,
    ledger.ledger_rows,
    coalesce(raw_records.raw_rows, 0) as raw_rows,
    coalesce(judged.staged_rows, 0) as staged_rows,
    coalesce(judged.rejected_rows, 0) as rejected_rows,
    coalesce(flattened.flattened_rows, 0) as flattened_rows,
    -- What was staged and speaks for no attempt came again.
    coalesce(judged.staged_rows, 0) - coalesce(flattened.flattened_rows, 0) as duplicate_rows,
    case
        when ledger.ledger_rows is null then 'not in the ledger'
        when ledger.ledger_rows = coalesce(raw_records.raw_rows, 0) then 'reconciled'
        -- Part of its offsets came again in a later batch.
        when
            ledger.is_partly_replayed and ledger.ledger_rows > coalesce(raw_records.raw_rows, 0)
            then 'partly replayed'
        else 'not reconciled'
    end as status
from ledger
full outer join raw_records using (topic, topic_id, batch_id, partition)
full outer join judged using (topic, topic_id, batch_id, partition)
full outer join flattened using (topic, topic_id, batch_id, partition)
