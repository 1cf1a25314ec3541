with

records as (
    select
        *,
        reason is null as is_staged
    from {{ ref('base_assess__messages') }}
),

raw_records as (
    select
        topic,
        topic_id,
        batch_id,
        partition,
        count(*) as raw_rows
    from {{ ref('base_assess__records') }}
    group by topic, topic_id, batch_id, partition
),

judged as (
    select
        records.topic,
        records.topic_id,
        records.batch_id,
        records.partition,
        count_if(records.is_staged) as staged_rows,
        count_if(not records.is_staged) as rejected_rows,
        count(attempts.message_id) as flattened_rows,
        count_if(records.is_staged and attempts.message_id is null) as duplicate_rows
    from records
    left join {{ ref('flat_attempts') }} as attempts using (message_id)
    group by records.topic, records.topic_id, records.batch_id, records.partition
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
    coalesce(judged.flattened_rows, 0) as flattened_rows,
    coalesce(judged.duplicate_rows, 0) as duplicate_rows,
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
