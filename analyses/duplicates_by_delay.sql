-- How long after an attempt's first message do its duplicates arrive, and are they identical?
with

delays as (
    select
        case
            when seconds_apart < 60 then 1
            when seconds_apart < 3600 then 2
            when seconds_apart < 86400 then 3
            else 4
        end as position,
        messages,
        is_identical,
        seconds_apart
    from {{ published(ref('duplicates')) }}
)

select
    element_at(
        array('below a minute', 'below an hour', 'below a day', 'a day or more'), position
    ) as delay,
    count(*) as attempts,
    sum(messages - 1) as duplicates,
    count_if(is_identical) as attempts_with_identical_messages,
    max(seconds_apart) as longest_delay_seconds
from delays
group by position
order by position
