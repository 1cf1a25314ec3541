{% macro listagg_distinct(expression, condition) -%}
    nullif(array_join(array_sort(collect_set(case when {{ condition }} then {{ expression }} end)), ' / '), '')
{%- endmacro %}
