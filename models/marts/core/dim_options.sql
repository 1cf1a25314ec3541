{{ config(materialized='incremental', incremental_strategy='replace') }}
{% set since = kept_since(ref('flat_options')) if is_incremental() -%}

with

-- All options; or those that came since, and what was made of the others.
options as (
    select
        base_exam_id,
        question_id,
        option_id,
        is_correct as is_ever_correct,
        is_correct as is_always_correct
    from {{ ref('flat_options') }}
    {% if since -%}
        with ('start-snapshot-id' = '{{ since }}')
        union all
        select
            base_exam_id,
            question_id,
            option_id,
            is_correct as is_ever_correct,
            is_correct and not is_key_disputed as is_always_correct
        from {{ this }}
    {%- endif %}
)

select
    base_exam_id,
    question_id,
    option_id,
    bool_or(is_ever_correct) as is_correct,
    bool_or(is_ever_correct) and not bool_and(is_always_correct) as is_key_disputed
from options
group by base_exam_id, question_id, option_id
