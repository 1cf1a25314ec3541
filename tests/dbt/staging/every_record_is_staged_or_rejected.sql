-- A record of the raw table is in exactly one of the two staging models.
{% set new_rows_filter = audit_filter(ref('base_assess__messages')) -%}

with

newest as (
    select max(batch_id) as newest_batch_id from {{ ref('base_assess__messages') }}
),

-- Records that ingest adds while a build runs belong to the next build.
records as (
    select records.*
    from {{ ref('base_assess__records') }} as records
    cross join newest
    where
        {{ new_rows_filter }}
        and coalesce(records.batch_id <= newest.newest_batch_id, true)
),

divided as (
    select message_id
    from {{ ref('stg_assess__messages') }}
    where {{ new_rows_filter }}
    union all
    select message_id
    from {{ ref('stg_assess__rejected_messages') }}
    where {{ new_rows_filter }}
),

counted as (
    select
        message_id,
        count(*) as times
    from divided
    group by message_id
)

select
    message_id,
    records.topic,
    records.partition,
    records.offset,
    coalesce(counted.times, 0) as times
from records
full outer join counted using (message_id)
where coalesce(counted.times, 0) != 1 or records.topic is null
