{% macro has_known_shape(envelope) -%}
    schema_of_variant({{ envelope }}) rlike '^OBJECT<value: OBJECT<(?!>){{ known_shape('') }}>>$'
{%- endmacro %}


{% macro known_shape(object) -%}
    {%- for field, type in message_fields()[object] | dictsort -%}
        ({{ field }}: ({{ known_shape_of_value(type) }}|VOID)(, |(?=>)))?
    {%- endfor -%}
{%- endmacro %}


{% macro known_shape_of_value(type) -%}
    {%- if type.startswith('array<') -%}
        ARRAY<({{ known_shape_of_value(type[6:-1]) }}|VOID)>
    {%- elif type.startswith('struct<') -%}
        OBJECT<{{ known_shape(type[7:-1]) }}>
    {%- else -%}
        {{ {'string': 'STRING', 'int': 'BIGINT', 'boolean': 'BOOLEAN'}[type] }}
    {%- endif -%}
{%- endmacro %}
