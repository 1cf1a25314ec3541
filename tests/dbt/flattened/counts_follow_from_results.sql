-- What a message counts is what its questions say; test records count nothing.
with

counted as (
    select
        attempt_id,
        count(*) as questions,
        count_if(user_result = 'correct') as correct,
        count_if(user_result = 'incorrect') as incorrect,
        count_if(user_result = 'missed_some') as incomplete,
        count_if(user_result = 'unanswered') as unanswered
    from {{ ref('flat_questions') }}
    group by attempt_id
)

select attempt_id
from {{ ref('flat_attempts') }} as attempts
left join counted using (attempt_id)
where
    case
        when attempts.is_test_record then attempts.question_count is not null
        else not (
            attempts.question_count <=> counted.questions
            and attempts.correct_count <=> counted.correct
            and attempts.incorrect_count <=> counted.incorrect
            and attempts.incomplete_count <=> counted.incomplete
            and attempts.unanswered_count <=> counted.unanswered
            and attempts.submitted_count <=> counted.questions - counted.unanswered
            and attempts.is_all_correct <=> (counted.correct = counted.questions)
        )
    end
