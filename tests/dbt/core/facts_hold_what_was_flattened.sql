-- No attempt, question or ticked option is lost or doubled on its way into the facts.
{% set is_new = audit_filter(ref('flat_options')) -%}

with

compared as (
    {% for what, flattened, condition, facts in [
        ('attempts', 'flat_attempts', 'true', 'fct_attempts'),
        ('responses', 'flat_questions', 'true', 'fct_responses'),
        ('choices', 'flat_options', 'is_checked', 'fct_option_choices'),
    ] -%}
        select
            '{{ what }}' as what,
            (
                select count_if({{ condition }})
                from {{ ref(flattened) }}
                where {{ is_new }}
            ) as flattened,
            (
                select count(*)
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
