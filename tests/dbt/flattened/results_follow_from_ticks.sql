-- What a message says of a question is what its ticks say: nothing ticked is unanswered, exactly
-- the right ones are correct, any wrong one is incorrect, and the rest missed some.
with

ticks as (
    select
        attempt_id,
        question_position,
        count_if(is_checked) as ticked,
        count_if(is_checked and not is_correct) as wrong,
        count_if(is_correct and not is_checked) as missed
    from {{ ref('flat_options') }}
    group by attempt_id, question_position
),

expected as (
    select
        *,
        case
            when ticked = 0 then 'unanswered'
            when wrong > 0 then 'incorrect'
            when missed > 0 then 'missed_some'
            else 'correct'
        end as result
    from ticks
)

select
    attempt_id,
    question_position,
    expected.result,
    questions.user_result
from {{ ref('flat_questions') }} as questions
left join expected using (attempt_id, question_position)
where
    not questions.is_test_record
    and not (
        expected.result <=> questions.user_result
        and (expected.result = 'correct') <=> questions.is_correct
        and (expected.result = 'missed_some') <=> questions.is_incomplete
        and (expected.result != 'unanswered') <=> questions.is_submitted
    )
