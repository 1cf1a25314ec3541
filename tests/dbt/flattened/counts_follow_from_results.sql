-- The counts of a message follow from its questions; test records have no counts.
{% set new_rows_filter = audit_filter(ref('flat_questions')) -%}

with

attempts as (
    select *
    from {{ ref('flat_attempts') }}
    where {{ new_rows_filter }}
),

counted as (
    select
        attempt_id,
        count(*) as questions,
        count_if(user_result = 'correct') as correct,
        count_if(user_result = 'incorrect') as incorrect,
        count_if(user_result = 'missed_some') as incomplete,
        count_if(user_result = 'unanswered') as unanswered
    from {{ ref('flat_questions') }}
    where {{ new_rows_filter }}
    group by attempt_id
)

select attempt_id
from attempts
left join counted using (attempt_id)
where
    case
        when attempts.is_test_record then attempts.question_count is not null
        else not (
            attempts.question_count <=> coalesce(counted.questions, 0)
            and attempts.correct_count <=> coalesce(counted.correct, 0)
            and attempts.incorrect_count <=> coalesce(counted.incorrect, 0)
            and attempts.incomplete_count <=> coalesce(counted.incomplete, 0)
            and attempts.unanswered_count <=> coalesce(counted.unanswered, 0)
            and attempts.submitted_count <=> coalesce(counted.questions - counted.unanswered, 0)
            and attempts.is_all_correct <=> coalesce(counted.correct = counted.questions, true)
        )
    end
