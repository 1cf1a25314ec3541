{{ config(severity='warn') }}

-- When the data comes to hold what a question needs, the question deserves a model.
select
    question_id,
    evidence
from {{ ref('measurability') }}
where is_measurable
