with

messages as (
    select
        *,
        {{ utc_date('message_at') }} as date_day
    from {{ ref('base_assess__messages') }}
),

first_arrivals as (
    select message_id from {{ ref('int_attempts__first_arrivals') }}
)

select
    messages.topic,
    messages.date_day,
    count(*) as messages,
    count_if(messages.reason is null) as staged,
    count_if(messages.reason is not null) as rejected,
    count(first_arrivals.message_id) as attempts,
    sum(messages.value_bytes) as value_bytes,
    min(messages.message_at) as first_message_at,
    max(messages.message_at) as last_message_at
from messages
left join first_arrivals using (message_id)
group by messages.topic, messages.date_day
