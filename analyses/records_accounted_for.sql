-- What became of every record that ingest committed?
select
    topic,
    batch_id,
    count(*) as partitions,
    sum(logged_rows) as logged_rows,
    sum(raw_rows) as raw_rows,
    sum(rejected_rows) as rejected_rows,
    sum(duplicate_rows) as duplicate_rows,
    sum(flattened_rows) as flattened_rows,
    sum(raw_rows - rejected_rows - duplicate_rows - flattened_rows) as missing_rows,
    {{ listagg_distinct('status', 'true') }} as statuses
from {{ published(ref('reconciliation')) }}
group by topic, batch_id
order by topic, batch_id
