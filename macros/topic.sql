{% macro topic() -%}
    {{ string_literal(env_var('ASSAY_TOPIC', 'assess')) }}
{%- endmacro %}
