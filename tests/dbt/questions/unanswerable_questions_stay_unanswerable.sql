{{ config(severity='warn') }}

-- A question that the data can answer needs a model of its own.
select
    question_id,
    evidence
from {{ ref('unanswerable_questions') }}
where is_measurable
