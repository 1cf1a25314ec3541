{#-
    Tables are built in the schema `audit`, where no reader looks, and published under their layer's
    name once every test has passed (`publish`). Views hold no rows: they are in their layer's schema.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if node.resource_type == 'model' and node.config.materialized == 'view' -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        {{ audit_schema() }}
    {%- endif -%}
{%- endmacro %}


{#- The schema where tables are built and audited. -#}
{% macro audit_schema() -%}
    audit
{%- endmacro %}
