with

-- Seconds as doubles: percentiles are, and decimals are counted slowly.
attempts as (
    select
        exam_name,
        message_count,
        cast(duration_seconds as double) as seconds
    from {{ ref('fct_attempts') }}
),

-- An array of percentiles at once, because each call counts all the values anew.
timed as (
    select
        exam_name,
        count(seconds) as attempts,
        coalesce(sum(message_count) filter (where seconds is not null), 0) as messages,
        count_if(seconds is null) as attempts_without_duration,
        percentile(seconds, array(0.25, 0.5, 0.75, 0.9)) as percentiles,
        percentile(seconds, 0.5, message_count) as median_seconds_of_messages
    from attempts
    group by exam_name
)

select
    exam_name,
    attempts,
    messages,
    attempts_without_duration,
    percentiles[1] as median_seconds_of_attempts,
    median_seconds_of_messages,
    percentiles[0] as lower_quartile_seconds,
    percentiles[2] as upper_quartile_seconds,
    percentiles[3] as ninth_decile_seconds
from timed
