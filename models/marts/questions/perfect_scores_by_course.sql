with

-- Test records have no counts, so they are neither perfect nor imperfect.
counted as (
    select
        exam_name,
        coalesce(sum(message_count) filter (where is_all_correct), 0) as messages,
        count_if(is_all_correct) as attempts,
        sum(message_count) as all_messages,
        count(*) as all_attempts
    from {{ ref('fct_attempts') }}
    where is_all_correct is not null
    group by exam_name
)

select
    exam_name,
    messages,
    attempts,
    all_messages,
    all_attempts,
    {{ safe_divide('messages', 'all_messages') }} as share_of_messages,
    {{ safe_divide('attempts', 'all_attempts') }} as share_of_attempts
from counted
