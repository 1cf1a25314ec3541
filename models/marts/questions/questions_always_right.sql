with

responses as (
    select * from {{ ref('fct_responses') }}
),

-- The few attempts that arrived more than once: every other one has one message.
repeated as (
    select
        attempt_id,
        message_count - 1 as more_messages
    from {{ ref('fct_attempts') }}
    where message_count > 1
),

-- Test records say nothing of whether a question was answered right.
counted as (
    select /*+ broadcast(repeated) */
        responses.base_exam_id,
        responses.question_id,
        count(*) as responses,
        count(*) + coalesce(sum(repeated.more_messages), 0) as responses_of_messages,
        bool_and(responses.is_correct) as is_always_right
    from responses
    left join repeated using (attempt_id)
    where not responses.is_test_record
    group by responses.base_exam_id, responses.question_id
)

select
    base_exam_id,
    question_id,
    responses_of_messages,
    responses,
    1.0D - power(0.05D, 1.0D / responses) as wrong_share_at_most
from counted
where is_always_right
