-- No attempt, question or ticked option is lost or doubled on its way into the facts.
with

compared as (
    select
        'attempts' as what,
        (select count(*) from {{ ref('flat_attempts') }}) as flattened,
        (select count(*) from {{ ref('fct_attempts') }}) as in_facts
    union all
    select
        'responses' as what,
        (select count(*) from {{ ref('flat_questions') }}) as flattened,
        (select count(*) from {{ ref('fct_responses') }}) as in_facts
    union all
    select
        'choices' as what,
        (select count_if(is_checked) from {{ ref('flat_options') }}) as flattened,
        (select count(*) from {{ ref('fct_option_choices') }}) as in_facts
)

select
    what,
    flattened,
    in_facts
from compared
where flattened != in_facts
