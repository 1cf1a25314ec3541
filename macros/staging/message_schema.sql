{#-
    The schema of a message of the topic `assess`: an object's name, '' for the message itself, and
    its fields. Everything that needs to know a message's shape is made from it.
-#}
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


{#- The schema as Spark's type, and `misfit` for the text of a message that does not fit it. -#}
{% macro message_schema() -%}
    {%- for name, type in message_fields()[''].items() -%}
        {{ name }} {{ full_type(type) }},
    {%- endfor -%}
    misfit string
{%- endmacro %}


{#- `struct<counts>` written out. -#}
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


{#- The keys that an object of the message may have, as an array. -#}
{% macro known_keys(object) -%}
    array('{{ message_fields()[object] | join("', '") }}')
{%- endmacro %}


{#-
    Paths of the keys that a message has beyond the schema, each once, in the order of the alphabet;
    null if none. `keys` are those of the message itself.
-#}
{% macro unknown_keys(envelope, keys) -%}
    {%- set questions = "try_variant_get(" ~ envelope ~ ", '$.message.sequences.questions', 'array<map<string, variant>>')" -%}
    {%- set options = "try_variant_get(q['options'], '$', 'array<map<string, variant>>')" -%}
    nullif(
        array_sort(array_distinct(concat(
            array_except({{ keys }}, {{ known_keys('') }}),
            {% for object, path in [('sequences', '$.message.sequences'), ('counts', '$.message.sequences.counts')] -%}
            coalesce(
                transform(
                    array_except(
                        map_keys(try_variant_get({{ envelope }}, '{{ path }}', 'map<string, variant>')),
                        {{ known_keys(object) }}
                    ),
                    key -> concat('{{ object }}.', key)
                ),
                array()
            ),
            {% endfor -%}
            coalesce(
                transform(
                    array_except(flatten(transform({{ questions }}, q -> map_keys(q))), {{ known_keys('questions') }}),
                    key -> concat('questions.', key)
                ),
                array()
            ),
            coalesce(
                transform(
                    array_except(
                        flatten(transform(
                            {{ questions }},
                            q -> coalesce(flatten(transform({{ options }}, o -> map_keys(o))), array())
                        )),
                        {{ known_keys('options') }}
                    ),
                    key -> concat('options.', key)
                ),
                array()
            )
        ))),
        array()
    )
{%- endmacro %}


{#- What a message cannot do without inside `sequences`: pairs of a path and when it is missing. -#}
{% macro missing_in_sequences(sequences) -%}
    {%- set questions = sequences ~ '.questions' -%}
    {{ return([
        ('sequences', sequences ~ ' is null'),
        ('sequences.id', sequences ~ '.id is null'),
        ('sequences.questions', questions ~ ' is null'),
        ('questions.id', 'exists(' ~ questions ~ ', q -> q.id is null)'),
        ('questions.options', 'exists(' ~ questions ~ ', q -> q.options is null)'),
        ('options.id', 'exists(' ~ questions ~ ', q -> exists(q.options, o -> o.id is null))'),
        ('options.checked', 'exists(' ~ questions ~ ', q -> exists(q.options, o -> o.checked is null))'),
    ]) }}
{%- endmacro %}
