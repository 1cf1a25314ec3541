{% macro time_to_finish(attempts, by=none) -%}
with

-- Seconds are doubles, as percentiles are; decimals would be slower.
attempts as (
    select
        {{ by ~ ',' if by }}
        message_count,
        cast(duration_seconds as double) as seconds
    from {{ attempts }}
),

-- `collect_list` leaves out nulls, so attempts without a duration are not in the arrays.
timed as (
    select
        {{ by ~ ',' if by }}
        count(seconds) as attempts,
        coalesce(sum(message_count) filter (where seconds is not null), 0) as messages,
        count_if(seconds is null) as attempts_without_duration,
        collect_list(seconds) as of_attempts,
        collect_list(
            case
                when seconds is not null and message_count > 1
                    then array_repeat(seconds, cast(message_count - 1 as int))
            end
        ) as of_more_messages
    from attempts
    {{ 'group by ' ~ by if by }}
),

ordered as (
    select
        *,
        sort_array(of_attempts) as ordered,
        sort_array(concat(of_attempts, flatten(of_more_messages))) as ordered_messages
    from timed
)

select
    {{ by ~ ',' if by }}
    attempts,
    messages,
    attempts_without_duration,
    {{ percentile('ordered', 0.5) }} as median_seconds_of_attempts,
    {{ percentile('ordered_messages', 0.5) }} as median_seconds_of_messages,
    {{ percentile('ordered', 0.25) }} as lower_quartile_seconds,
    {{ percentile('ordered', 0.75) }} as upper_quartile_seconds,
    {{ percentile('ordered', 0.9) }} as ninth_decile_seconds
from ordered
{%- endmacro %}
