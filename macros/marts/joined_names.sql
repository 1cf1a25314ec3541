{#- The names of the rows that meet a condition, each once, in the order of the alphabet; null if none. -#}
{% macro joined_names(name, condition) -%}
    nullif(array_join(array_sort(collect_set(case when {{ condition }} then {{ name }} end)), ' / '), '')
{%- endmacro %}
