-- Which wrong options do fewer than one in twenty choose, so that they test nothing?
select
    questions.exam_name,
    base_exam_id,
    question_id,
    rates.option_id,
    rates.responses,
    rates.selections,
    rates.selection_share,
    rates.selection_share_ci_lower,
    rates.selection_share_ci_upper
from {{ published(ref('option_selection_rates')) }} as rates
inner join {{ published(ref('question_difficulty')) }} as questions
    using (base_exam_id, question_id)
where
    not rates.is_correct
    and rates.selection_share < 0.05
    and rates.responses >= {{ setting('min_attempts') }}
order by rates.selection_share_ci_upper, base_exam_id, question_id, rates.option_id
