with

-- Test records have no counts, so they have no score.
scored as (
    select
        message_count,
        -- A score at the mark passes.
        score < cast('{{ setting("pass_mark") }}' as decimal(18, 15)) as is_below
    from {{ ref('fct_attempts') }}
    where score is not null
),

counted as (
    select
        coalesce(sum(message_count) filter (where is_below), 0) as messages,
        count_if(is_below) as attempts,
        coalesce(sum(message_count), 0) as all_messages,
        count(*) as all_attempts
    from scored
)

select
    cast('{{ setting("pass_mark") }}' as double) as pass_mark,
    messages,
    attempts,
    {{ safe_divide('messages', 'all_messages') }} as share_of_messages,
    {{ safe_divide('attempts', 'all_attempts') }} as share_of_attempts
from counted
