with

-- Test records have no counts, so they have no score.
scored as (
    select
        exam_name,
        message_count,
        -- A score at the mark passes.
        score < cast('{{ setting("pass_mark") }}' as decimal(18, 15)) as is_below
    from {{ ref('fct_attempts') }}
    where score is not null
),

counted as (
    select
        exam_name,
        coalesce(sum(message_count) filter (where is_below), 0) as messages,
        count_if(is_below) as attempts,
        sum(message_count) as all_messages,
        count(*) as all_attempts
    from scored
    group by exam_name
)

select
    exam_name,
    cast('{{ setting("pass_mark") }}' as double) as pass_mark,
    messages,
    attempts,
    all_messages,
    all_attempts,
    {{ safe_divide('messages', 'all_messages') }} as share_of_messages,
    {{ safe_divide('attempts', 'all_attempts') }} as share_of_attempts,
    {{ wilson_interval('attempts', 'all_attempts', 'lower') }} as share_of_attempts_ci_lower,
    {{ wilson_interval('attempts', 'all_attempts', 'upper') }} as share_of_attempts_ci_upper
from counted
