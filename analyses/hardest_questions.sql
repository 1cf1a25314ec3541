-- Which questions with enough responses (`min_attempts`) are answered correctly least often?
select
    exam_name,
    base_exam_id,
    question_id,
    responses,
    correct_responses,
    share_correct,
    share_correct_ci_lower,
    share_correct_ci_upper
from {{ published(ref('question_difficulty')) }}
where responses >= {{ setting('min_attempts') }}
order by share_correct asc, responses desc, base_exam_id asc, question_id asc
