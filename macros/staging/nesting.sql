{#-
    How deep a message may be nested. Spark's functions for variants call themselves at each level, and
    its parser takes a thousand: more than the stack of a task holds, and a stack that overflows ends
    the server. A message of the topic has six levels.
-#}
{% macro deepest_nesting() %}
    {{ return(100) }}
{% endmacro %}


{#- A text read as a message: a struct whose `misfit` is the text where anything does not fit. -#}
{% macro message_read(text) -%}
    from_json(
        {{ text }},
        '{{ message_schema() }}',
        map('columnNameOfCorruptRecord', 'misfit', 'maxNestingDepth', '{{ deepest_nesting() }}')
    )
{%- endmacro %}


{#-
    Whether a text is nested too deep, or no JSON. Only what did not fit as a message is read again,
    as the value of a key, so that it may be of any type.
-#}
{% macro is_nested_too_deep(text, message) -%}
    (
        {{ message }}.misfit is not null
        and from_json(
            concat('{"":', {{ text }}, '}'),
            'misfit string',
            map('columnNameOfCorruptRecord', 'misfit', 'maxNestingDepth', '{{ deepest_nesting() + 1 }}')
        ).misfit is not null
    )
{%- endmacro %}
