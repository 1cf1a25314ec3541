{#-
    Spark's functions for variants call themselves at each level, and its parser takes a thousand levels:
    more than the stack of a task holds, and a stack that overflows ends the server.
-#}
{% macro max_nesting_depth() %}
    {{ return(100) }}
{% endmacro %}


{% macro parse_message(text) -%}
    from_json(
        {{ text }},
        '{{ message_schema() }}',
        map('columnNameOfCorruptRecord', '_corrupt_record', 'maxNestingDepth', '{{ max_nesting_depth() }}')
    )
{%- endmacro %}


{% macro is_nested_too_deep(text, message) -%}
    (
        {{ message }}._corrupt_record is not null
        and from_json(
            concat('{"":', {{ text }}, '}'),
            '_corrupt_record string',
            map('columnNameOfCorruptRecord', '_corrupt_record', 'maxNestingDepth', '{{ max_nesting_depth() + 1 }}')
        )._corrupt_record is not null
    )
{%- endmacro %}
