-- Which questions do good attempts answer correctly hardly more often than weak ones?
with

-- Exams whose attempts all have the same number of questions, so that scores are comparable.
exams as (
    select
        base_exam_id,
        exam_name
    from {{ published(ref('dim_exams')) }}
    where min_question_count = max_question_count
),

-- The question itself is left out of the score that it is compared with.
responses as (
    select
        exams.exam_name,
        base_exam_id,
        responses.question_id,
        cast(responses.is_correct as bigint) as is_right,
        cast(attempts.correct_count - cast(responses.is_correct as int) as bigint) as rest_score
    from {{ published(ref('fct_responses')) }} as responses
    inner join exams using (base_exam_id)
    inner join {{ published(ref('fct_attempts')) }} as attempts using (attempt_id, base_exam_id)
    where attempts.score is not null
),

-- Whole numbers, so that the sums do not depend on their order.
summed as (
    select
        exam_name,
        base_exam_id,
        question_id,
        count(*) as responses,
        sum(is_right) as correct_responses,
        sum(rest_score) as total,
        sum(rest_score * rest_score) as total_of_squares,
        sum(is_right * rest_score) as total_of_correct
    from responses
    group by exam_name, base_exam_id, question_id
    having count(*) >= {{ setting('min_attempts') }}
),

-- Pearson's correlation; null where all attempts have the same answer or the same score.
estimated as (
    select
        *,
        {{ safe_divide('correct_responses', 'responses') }} as share_correct,
        try_divide(
            responses * total_of_correct - correct_responses * total,
            sqrt(
                cast(correct_responses * (responses - correct_responses) as double)
                * cast(responses * total_of_squares - total * total as double)
            )
        ) as discrimination
    from summed
)

select
    exam_name,
    base_exam_id,
    question_id,
    responses,
    share_correct,
    round(discrimination, 6) as discrimination
from estimated
where discrimination < 0.2
order by discrimination, base_exam_id, question_id
