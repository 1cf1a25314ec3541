-- How reliable are the scores of an exam?
with

exams as (
    select
        base_exam_id,
        exam_name,
        max_question_count as question_count
    from {{ published(ref('dim_exams')) }}
    where min_question_count = max_question_count and min_question_count >= 2
),

-- Whole numbers, so that the sums do not depend on their order.
attempts as (
    select
        base_exam_id,
        count(*) as attempts,
        sum(cast(correct_count as bigint)) as total,
        sum(cast(correct_count as bigint) * correct_count) as total_of_squares
    from {{ published(ref('fct_attempts')) }}
    where score is not null
    group by base_exam_id
    having count(*) >= {{ setting('min_attempts') }}
),

questions as (
    select
        base_exam_id,
        count(*) as different_questions,
        min(responses) as fewest_responses,
        sum(correct_responses * (responses - correct_responses)) as question_variances
    from {{ published(ref('question_difficulty')) }}
    group by base_exam_id
)

-- k / (k - 1) * (1 - sum(p * (1 - p)) / variance), numerator and denominator times attempts².
select
    exams.exam_name,
    base_exam_id,
    exams.question_count,
    attempts.attempts,
    {{ safe_divide('attempts.total', 'attempts.attempts * exams.question_count') }} as mean_score,
    cast(exams.question_count as double) / (exams.question_count - 1) * (
        1.0D - try_divide(
            questions.question_variances,
            attempts.attempts * attempts.total_of_squares - attempts.total * attempts.total
        )
    ) as reliability
from exams
inner join attempts using (base_exam_id)
inner join questions using (base_exam_id)
-- The formula is for exams that ask the same questions in every attempt.
where
    questions.different_questions = exams.question_count
    and questions.fewest_responses = attempts.attempts
order by reliability, base_exam_id
