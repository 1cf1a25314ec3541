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
    null if none.

    Args:
        message: the message as a variant.
        keys: those of the message itself.
        questions: its questions, as an array of maps of variants.
        options: the options of all questions, likewise.
-#}
{% macro unknown_keys(message, keys, questions, options) -%}
    nullif(
        array_sort(array_distinct(concat(
            array_except({{ keys }}, {{ known_keys('') }}),
            {% for object, path in [('sequences', '$.sequences'), ('counts', '$.sequences.counts')] -%}
            coalesce(
                transform(
                    array_except(
                        map_keys(try_variant_get({{ message }}, '{{ path }}', 'map<string, variant>')),
                        {{ known_keys(object) }}
                    ),
                    key -> concat('{{ object }}.', key)
                ),
                array()
            ),
            {% endfor -%}
            {% for object, maps in [('questions', questions), ('options', options)] -%}
            coalesce(
                transform(
                    array_except(flatten(transform({{ maps }}, m -> map_keys(m))), {{ known_keys(object) }}),
                    key -> concat('{{ object }}.', key)
                ),
                array()
            ){{ ',' if not loop.last }}
            {% endfor -%}
        ))),
        array()
    )
{%- endmacro %}


{#- The questions of a message (a variant) as an array of maps of variants; null if they are none. -#}
{% macro question_maps(message) -%}
    try_variant_get({{ message }}, '$.sequences.questions', 'array<map<string, variant>>')
{%- endmacro %}


{#- The options of all questions (an array of maps of variants), likewise. -#}
{% macro option_maps(questions) -%}
    flatten(transform(
        {{ questions }},
        q -> coalesce(
            filter(try_variant_get(q['options'], '$', 'array<map<string, variant>>'), o -> o is not null),
            array()
        )
    ))
{%- endmacro %}


{#-
    Values of another type than the schema's, as pairs of a path and the condition. Those that do not
    fit a number, an array or the like are `misfit`; but as a string, Spark would read any value.

    Args:
        message: the message as a struct.
        document: the message as a variant.
        questions: its questions, as an array of maps of variants.
        options: the options of all questions, likewise.
-#}
{% macro mistyped_values(message, document, questions, options) -%}
    {%- set found = [] -%}
    {%- for object, fields in message_fields().items() -%}
        {%- for field, type in fields.items() if type == 'string' -%}
            {%- if object in ('questions', 'options') -%}
                {%- set maps = questions if object == 'questions' else options -%}
                {%- do found.append((object ~ '.' ~ field, 'exists(' ~ maps ~ ", m -> schema_of_variant(m['" ~ field ~ "']) not in ('STRING', 'VOID'))")) -%}
            {%- else -%}
                {%- set path = object ~ '.' ~ field if object else field -%}
                {%- do found.append((path, 'schema_of_variant(try_variant_get(' ~ document ~ ", '$." ~ path ~ "', 'variant')) not in ('STRING', 'VOID')")) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do found.append(('a value that does not fit its column', message ~ '.misfit is not null')) -%}
    {{ return(found) }}
{%- endmacro %}
