with

responses as (
    select * from {{ ref('fct_responses') }}
),

-- Few attempts have duplicates; every other one has one message.
redelivered as (
    select
        attempt_id,
        message_count - 1 as more_messages
    from {{ ref('fct_attempts') }}
    where message_count > 1
),

-- Test records have no results.
counted as (
    select /*+ broadcast(redelivered) */
        responses.base_exam_id,
        responses.question_id,
        count(*) as responses,
        count(*) + coalesce(sum(redelivered.more_messages), 0) as responses_of_messages,
        bool_and(responses.is_correct) as is_always_correct
    from responses
    left join redelivered using (attempt_id)
    where not responses.is_test_record
    group by responses.base_exam_id, responses.question_id
)

select
    base_exam_id,
    question_id,
    responses_of_messages,
    responses,
    1.0D - power(0.05D, 1.0D / responses) as error_rate_upper_95
from counted
where is_always_correct
