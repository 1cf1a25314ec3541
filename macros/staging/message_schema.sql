{% macro message_fields() -%}
    {{ return({
        '': {
            'keen_id': 'string', 'user_exam_id': 'string', 'base_exam_id': 'string',
            'exam_name': 'string', 'started_at': 'string', 'keen_timestamp': 'string',
            'keen_created_at': 'string', 'max_attempts': 'string', 'certification': 'string',
            'sequences': 'struct<sequences>',
        },
        'sequences': {
            'id': 'string', 'attempt': 'int', 'counts': 'struct<counts>',
            'questions': 'array<struct<questions>>',
        },
        'counts': {
            'incomplete': 'int', 'submitted': 'int', 'incorrect': 'int', 'all_correct': 'boolean',
            'correct': 'int', 'total': 'int', 'unanswered': 'int',
        },
        'questions': {
            'id': 'string', 'user_incomplete': 'boolean', 'user_correct': 'boolean',
            'user_submitted': 'boolean', 'user_result': 'string',
            'options': 'array<struct<options>>',
        },
        'options': {
            'id': 'string', 'checked': 'boolean', 'correct': 'boolean', 'at': 'string',
            'submitted': 'int',
        },
    }) }}
{%- endmacro %}


{% macro message_schema() -%}
    {%- for name, type in message_fields()[''].items() -%}
        {{ name }} {{ full_type(type) }},
    {%- endfor -%}
    _corrupt_record string
{%- endmacro %}


{% macro full_type(type) -%}
    {%- set ns = namespace(type=type) -%}
    {%- for object, fields in message_fields().items() if 'struct<' ~ object ~ '>' in type -%}
        {%- set written = [] -%}
        {%- for name, field in fields.items() -%}
            {%- do written.append(name ~ ': ' ~ full_type(field)) -%}
        {%- endfor -%}
        {%- set ns.type = type | replace('<' ~ object ~ '>', '<' ~ written | join(', ') ~ '>') -%}
    {%- endfor -%}
    {{- ns.type -}}
{%- endmacro %}


{% macro known_keys(object) -%}
    array('{{ message_fields()[object] | join("', '") }}')
{%- endmacro %}
