{#- How many of a question's options meet a condition on `option`; one that is null does not. -#}
{% macro count_of_options(condition='true') -%}
    cast(coalesce(array_size(filter(question.options, option -> {{ condition }})), 0) as bigint)
{%- endmacro %}
