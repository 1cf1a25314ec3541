with

-- Few attempts have duplicates; every other one has one message.
redelivered as (
    select
        message_id,
        message_count
    from {{ ref('fct_attempts') }}
    where message_count > 1
),

-- Test records have no results.
responses as (
    select /*+ broadcast(redelivered) */
        responses.base_exam_id,
        responses.question_id,
        responses.is_correct,
        responses.is_incomplete,
        responses.is_submitted,
        coalesce(redelivered.message_count, 1) as message_count
    from {{ ref('fct_responses') }} as responses
    left join redelivered using (message_id)
    where not responses.is_test_record
),

counted as (
    select
        base_exam_id,
        question_id,
        sum(message_count) as responses_of_messages,
        count(*) as responses,
        coalesce(sum(message_count) filter (where is_correct), 0) as correct_responses_of_messages,
        count_if(is_correct) as correct_responses,
        count_if(is_incomplete) as incomplete_responses,
        count_if(not is_submitted) as unanswered_responses
    from responses
    group by base_exam_id, question_id
)

select
    base_exam_id,
    exams.exam_name,
    question_id,
    questions.option_count,
    questions.is_multiple_response,
    counted.responses_of_messages,
    counted.responses,
    counted.correct_responses_of_messages,
    counted.correct_responses,
    counted.incomplete_responses,
    counted.unanswered_responses,
    {{ safe_divide('counted.correct_responses_of_messages', 'counted.responses_of_messages') }}
        as share_correct_of_messages,
    {{ safe_divide('counted.correct_responses', 'counted.responses') }} as share_correct,
    {{ wilson_interval('counted.correct_responses', 'counted.responses', 'lower') }}
        as share_correct_ci_lower,
    {{ wilson_interval('counted.correct_responses', 'counted.responses', 'upper') }}
        as share_correct_ci_upper
from counted
left join {{ ref('dim_questions') }} as questions using (base_exam_id, question_id)
left join {{ ref('dim_exams') }} as exams using (base_exam_id)
