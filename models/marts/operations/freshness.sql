with

messages as (
    select
        max(ingested_at) as ingested_at,
        max(message_at) as message_at
    from {{ ref('base_assess__messages') }}
),

attempts as (
    select max(recorded_at) as recorded_at
    from {{ ref('flat_attempts') }}
),

steps as (
    select
        messages.ingested_at,
        inline(array(
            struct('ingested' as step, messages.ingested_at as newest_at),
            struct('sent to Kafka' as step, messages.message_at as newest_at),
            struct('recorded' as step, attempts.recorded_at as newest_at)
        )) as (step, newest_at)
    from messages
    cross join attempts
)

select
    step,
    newest_at,
    {{ as_of('ingested_at') }} as as_of,
    {{ seconds_between('newest_at', as_of('ingested_at')) }} as seconds_old
from steps
