with

-- Test records have no counts, so they are neither perfect nor imperfect.
counted as (
    select
        is_all_correct,
        message_count
    from {{ ref('fct_attempts') }}
    where is_all_correct is not null
),

perfect as (
    select
        coalesce(sum(message_count) filter (where is_all_correct), 0) as messages,
        count_if(is_all_correct) as attempts,
        sum(message_count) as all_messages,
        count(*) as all_attempts
    from counted
)

select
    messages,
    attempts,
    cast(try_divide(messages, all_messages) as double) as share_of_messages,
    cast(try_divide(attempts, all_attempts) as double) as share_of_attempts
from perfect
