with

attempts as (
    select * from {{ ref('fct_attempts') }}
)

select
    count(duration_seconds) as attempts,
    coalesce(sum(message_count) filter (where duration_seconds is not null), 0) as messages,
    count_if(duration_seconds is null) as attempts_without_duration,
    percentile(duration_seconds, 0.5) as median_seconds_of_attempts,
    percentile(duration_seconds, 0.5, message_count) as median_seconds_of_messages,
    percentile(duration_seconds, 0.25) as lower_quartile_seconds,
    percentile(duration_seconds, 0.75) as upper_quartile_seconds,
    percentile(duration_seconds, 0.9) as ninth_decile_seconds
from attempts
