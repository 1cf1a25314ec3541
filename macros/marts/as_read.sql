{#- A number as a person reads it: `3,280`, or `62.657` with three decimals; `no data` for null. -#}
{% macro as_read(number, decimals=0, suffix='') -%}
    coalesce(concat(format_number({{ number }}, {{ decimals }}), '{{ suffix }}'), 'no data')
{%- endmacro %}
