-- The facts have as many attempts, questions and options as the flattened models.
{% set new_rows_filter = audit_filter(ref('flat_options')) -%}

with

compared as (
    {% for what, flattened, flattened_count, facts, facts_count in [
        ('attempts', 'flat_attempts', 'count(*)', 'fct_attempts', 'count(*)'),
        ('responses', 'flat_questions', 'count(*)', 'fct_responses', 'count(*)'),
        ('options', 'flat_options', 'count(*)', 'fct_responses', 'sum(option_count)'),
        ('selections', 'flat_options', 'count_if(is_checked)', 'fct_option_selections', 'count(*)'),
        (
            'counted selections', 'flat_options', 'count_if(is_checked)',
            'fct_responses', 'sum(correct_selection_count + distractor_selection_count)'
        ),
    ] -%}
        select
            '{{ what }}' as what,
            (
                select {{ flattened_count }}
                from {{ ref(flattened) }}
                where {{ new_rows_filter }}
            ) as flattened,
            (
                select coalesce({{ facts_count }}, 0)
                from {{ ref(facts) }}
                where {{ new_rows_filter }}
            ) as in_facts
        {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    what,
    flattened,
    in_facts
from compared
where flattened != in_facts
