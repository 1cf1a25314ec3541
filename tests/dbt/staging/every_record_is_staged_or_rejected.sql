-- A record of the raw table is in exactly one of the two staging models.
with

divided as (
    select
        topic,
        partition,
        offset
    from {{ ref('stg_assess__messages') }}
    union all
    select
        topic,
        partition,
        offset
    from {{ ref('stg_assess__rejected_messages') }}
),

counted as (
    select
        topic,
        partition,
        offset,
        count(*) as times
    from divided
    group by topic, partition, offset
)

select
    topic,
    partition,
    offset,
    coalesce(counted.times, 0) as times
from {{ source('raw', 'assess') }}
full outer join counted using (topic, partition, offset)
where coalesce(counted.times, 0) != 1
