with

options as (
    select * from {{ ref('flat_options') }}
)

select
    base_exam_id,
    question_id,
    option_id,
    bool_or(is_correct) as is_correct,
    bool_or(is_correct) and not bool_and(is_correct) as has_inconsistent_key
from options
group by base_exam_id, question_id, option_id
