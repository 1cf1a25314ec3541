-- No attempt, question or option is lost or doubled on its way into the facts.
{% set is_new = audit_filter(ref('flat_options')) -%}

with

compared as (
    {% for what, flattened, flattened_count, facts, facts_count in [
        ('attempts', 'flat_attempts', 'count(*)', 'fct_attempts', 'count(*)'),
        ('responses', 'flat_questions', 'count(*)', 'fct_responses', 'count(*)'),
        ('options', 'flat_options', 'count(*)', 'fct_responses', 'sum(option_count)'),
        ('choices', 'flat_options', 'count_if(is_checked)', 'fct_option_choices', 'count(*)'),
        (
            'counted choices', 'flat_options', 'count_if(is_checked)',
            'fct_responses', 'sum(right_choice_count + wrong_choice_count)'
        ),
    ] -%}
        select
            '{{ what }}' as what,
            (
                select {{ flattened_count }}
                from {{ ref(flattened) }}
                where {{ is_new }}
            ) as flattened,
            (
                select coalesce({{ facts_count }}, 0)
                from {{ ref(facts) }}
                where {{ is_new }}
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
