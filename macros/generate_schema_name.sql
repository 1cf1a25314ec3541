{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if node.resource_type == 'model' and node.config.materialized == 'view' -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        {{ audit_schema() }}
    {%- endif -%}
{%- endmacro %}


{% macro audit_schema() -%}
    audit
{%- endmacro %}
