{#- The topic whose messages the models are about, as a string literal: ASSAY_TOPIC, as for ingest. -#}
{% macro topic() -%}
    {{ string_literal(env_var('ASSAY_TOPIC', 'assess')) }}
{%- endmacro %}
