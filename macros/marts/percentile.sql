{#- Spark's `percentile` counts every value in a hash table, and takes several times as long. -#}
{% macro percentile(sorted_values, fraction) -%}
    {%- set place = '(size(' ~ sorted_values ~ ') - 1) * ' ~ fraction ~ 'D' -%}
    {%- set below = 'get(' ~ sorted_values ~ ', cast(floor(' ~ place ~ ') as int))' -%}
    {%- set above = 'get(' ~ sorted_values ~ ', cast(ceil(' ~ place ~ ') as int))' -%}
    {{ below }} + ({{ above }} - {{ below }}) * ({{ place }} - floor({{ place }}))
{%- endmacro %}
