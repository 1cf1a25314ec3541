with

-- Test records have no counts, so they have no score.
counted as (
    select
        exam_name,
        question_count,
        correct_count,
        sum(message_count) as messages,
        count(*) as attempts
    from {{ ref('fct_attempts') }}
    where score is not null
    group by exam_name, question_count, correct_count
),

lengths as (
    select distinct
        exam_name,
        question_count
    from counted
),

raw_scores as (
    select
        exam_name,
        question_count,
        explode(sequence(0, question_count)) as correct_count
    from lengths
)

select
    exam_name,
    question_count,
    correct_count,
    coalesce(counted.messages, 0) as messages,
    coalesce(counted.attempts, 0) as attempts
from raw_scores
left join counted using (exam_name, question_count, correct_count)
