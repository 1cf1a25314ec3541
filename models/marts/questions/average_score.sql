with

-- Test records have no counts, so they have no score.
scored as (
    select
        score,
        message_count
    from {{ ref('fct_attempts') }}
    where score is not null
),

-- The sum of decimals does not depend on their order.
summed as (
    select
        cast(sum(score * message_count) as double) as score_of_messages,
        cast(sum(score) as double) as score_of_attempts,
        coalesce(sum(message_count), 0) as messages,
        count(*) as attempts
    from scored
)

select
    messages,
    attempts,
    try_divide(score_of_messages, messages) as average_over_messages,
    try_divide(score_of_attempts, attempts) as average_over_attempts
from summed
