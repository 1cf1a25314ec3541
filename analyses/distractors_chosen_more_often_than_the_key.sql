-- Which wrong options are chosen more often than the right one, so that the key may be wrong?
with

options as (
    select
        questions.exam_name,
        base_exam_id,
        question_id,
        rates.option_id,
        rates.is_correct,
        rates.responses,
        rates.selections,
        rates.selection_share
    from {{ published(ref('option_selection_rates')) }} as rates
    inner join {{ published(ref('question_difficulty')) }} as questions
        using (base_exam_id, question_id)
    where not questions.is_multiple_response and rates.responses >= {{ setting('min_attempts') }}
)

select
    distractors.exam_name,
    base_exam_id,
    question_id,
    distractors.option_id as distractor_id,
    distractors.responses,
    distractors.selections as distractor_selections,
    distractors.selection_share as distractor_share,
    correct.selections as correct_selections,
    correct.selection_share as correct_share
from options as distractors
inner join options as correct using (base_exam_id, question_id)
where
    not distractors.is_correct
    and correct.is_correct
    and distractors.selections > correct.selections
order by
    distractors.selection_share - correct.selection_share desc,
    base_exam_id asc,
    question_id asc,
    distractors.option_id asc
