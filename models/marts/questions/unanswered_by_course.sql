with

-- Test records have no counts.
counted as (
    select
        exam_name,
        sum(question_count * message_count) as questions_messages,
        sum(unanswered_count * message_count) as unanswered_messages,
        sum(incomplete_count * message_count) as incomplete_messages,
        sum(question_count) as questions_attempts,
        sum(unanswered_count) as unanswered_attempts,
        sum(incomplete_count) as incomplete_attempts
    from {{ ref('fct_attempts') }}
    where question_count is not null
    group by exam_name
)

select
    exam_name,
    questions_messages,
    unanswered_messages,
    incomplete_messages,
    questions_attempts,
    unanswered_attempts,
    incomplete_attempts,
    {{ safe_divide('unanswered_messages', 'questions_messages') }} as unanswered_share_of_messages,
    {{ safe_divide('incomplete_messages', 'questions_messages') }} as incomplete_share_of_messages,
    {{ safe_divide('unanswered_attempts', 'questions_attempts') }} as unanswered_share_of_attempts,
    {{ safe_divide('incomplete_attempts', 'questions_attempts') }} as incomplete_share_of_attempts
from counted
