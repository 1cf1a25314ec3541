{#- A value as a string literal of Spark SQL, in which backslashes escape. -#}
{% macro string_literal(value) -%}
    '{{ value | string | replace("\\", "\\\\") | replace("'", "\\'") }}'
{%- endmacro %}
