with

messages as (
    select
        *,
        {{ utc_date('message_at') }} as date_day
    from {{ ref('base_assess__messages') }}
),

days as (
    select
        topic,
        date_day,
        count(*) as messages,
        count_if(reason is null) as staged,
        count_if(reason is not null) as rejected,
        sum(value_bytes) as value_bytes,
        min(message_at) as first_message_at,
        max(message_at) as last_message_at
    from messages
    group by topic, date_day
),

canonical as (
    select
        topic,
        {{ utc_date('message_at') }} as date_day,
        count(*) as attempts
    from {{ ref('flat_attempts') }}
    group by topic, date_day
)

select
    topic,
    date_day,
    days.messages,
    days.staged,
    days.rejected,
    coalesce(canonical.attempts, 0) as attempts,
    days.value_bytes,
    days.first_message_at,
    days.last_message_at
from days
left join canonical using (topic, date_day)
