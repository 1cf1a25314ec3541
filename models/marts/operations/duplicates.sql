with

-- Duplicated attempts are few, so they are filtered before anything is sorted.
duplicated as (
    select attempt_id
    from {{ ref('int_attempts_deduplicated') }}
    where message_count > 1
),

messages as (
    select /*+ broadcast(duplicated) */
        attempt_id,
        stg.message_at,
        base.value_hash
    from {{ ref('stg_assess__messages') }} as stg
    inner join duplicated using (attempt_id)
    inner join {{ ref('base_assess__messages') }} as base using (message_id)
)

select
    attempt_id,
    count(*) as messages,
    count(distinct value_hash) = 1 as is_identical,
    min(message_at) as first_message_at,
    max(message_at) as last_message_at,
    {{ seconds_between('min(message_at)', 'max(message_at)') }} as seconds_apart
from messages
group by attempt_id
