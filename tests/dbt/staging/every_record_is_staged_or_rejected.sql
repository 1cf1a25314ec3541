-- A record of the raw table is in exactly one of the two staging models.
with

divided as (
    select message_id from {{ ref('stg_assess__messages') }}
    union all
    select message_id from {{ ref('stg_assess__rejected_messages') }}
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
from {{ ref('base_assess__records') }} as records
full outer join counted using (message_id)
where coalesce(counted.times, 0) != 1 or records.topic is null
