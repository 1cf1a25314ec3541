{% macro safe_divide(numerator, denominator) -%}
    cast(try_divide({{ numerator }}, {{ denominator }}) as double)
{%- endmacro %}
