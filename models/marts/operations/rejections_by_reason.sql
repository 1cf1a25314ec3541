with

reasons as (
    select * from {{ ref('rejection_reasons') }}
),

rejected as (
    select * from {{ ref('stg_assess__rejected_messages') }}
),

counted as (
    select
        reasons.reason,
        reasons.meaning,
        count(rejected.message_id) as messages,
        min(rejected.message_at) as first_message_at,
        max(rejected.message_at) as last_message_at,
        -- The newest record is an example to look at.
        max_by(
            concat(rejected.topic, ' ', rejected.partition, ' ', rejected.offset),
            struct(rejected.message_at, rejected.topic_id, rejected.partition, rejected.offset)
        ) as newest_record,
        max_by(
            rejected.detail,
            struct(rejected.message_at, rejected.topic_id, rejected.partition, rejected.offset)
        ) as newest_detail
    from reasons
    left join rejected using (reason)
    group by reasons.reason, reasons.meaning
)

select
    reason,
    meaning,
    messages,
    {{ safe_divide('messages', 'sum(messages) over ()') }} as share_of_rejected,
    first_message_at,
    last_message_at,
    newest_record,
    newest_detail
from counted
