{% macro count_options(condition='true') -%}
    cast(coalesce(array_size(filter(question.options, option -> {{ condition }})), 0) as bigint)
{%- endmacro %}
