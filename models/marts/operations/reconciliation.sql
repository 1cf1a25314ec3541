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

validated as (
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

batch_log as (
    select
        batches.topic,
        batches.topic_id,
        batches.batch_id,
        batches.partition,
        batches.rows as logged_rows,
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
    batch_log.logged_rows,
    coalesce(raw_records.raw_rows, 0) as raw_rows,
    coalesce(validated.staged_rows, 0) as staged_rows,
    coalesce(validated.rejected_rows, 0) as rejected_rows,
    coalesce(flattened.flattened_rows, 0) as flattened_rows,
    -- A staged message that is not the canonical one of its attempt is a duplicate.
    coalesce(validated.staged_rows, 0) - coalesce(flattened.flattened_rows, 0) as duplicate_rows,
    case
        when batch_log.logged_rows is null then 'not in the batch log'
        when batch_log.logged_rows = coalesce(raw_records.raw_rows, 0) then 'reconciled'
        -- A replay moved part of its offsets to a later batch.
        when
            batch_log.is_partly_replayed
            and batch_log.logged_rows > coalesce(raw_records.raw_rows, 0)
            then 'partly replayed'
        else 'not reconciled'
    end as status
from batch_log
full outer join raw_records using (topic, topic_id, batch_id, partition)
full outer join validated using (topic, topic_id, batch_id, partition)
full outer join flattened using (topic, topic_id, batch_id, partition)
