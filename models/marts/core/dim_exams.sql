with

attempts as (
    select * from {{ ref('fct_attempts') }}
),

responses as (
    select
        attempt_id,
        count(*) as questions
    from {{ ref('fct_responses') }}
    group by attempt_id
)

select
    attempts.base_exam_id,
    -- The newest name, where a course was renamed; of equals the last in the alphabet.
    max_by(attempts.exam_name, struct(attempts.started_at, attempts.exam_name)) as exam_name,
    count(distinct attempts.exam_name) as course_count,
    coalesce(min(responses.questions), 0) as fewest_questions,
    coalesce(max(responses.questions), 0) as most_questions,
    bool_and(attempts.is_test_record) as is_test_exam,
    min(attempts.started_at) as first_started_at,
    max(attempts.started_at) as last_started_at
from attempts
left join responses using (attempt_id)
group by attempts.base_exam_id
