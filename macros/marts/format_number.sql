{% macro format_number(number, decimals=0, suffix='') -%}
    coalesce(concat(format_number({{ number }}, {{ decimals }}), '{{ suffix }}'), 'no data')
{%- endmacro %}
