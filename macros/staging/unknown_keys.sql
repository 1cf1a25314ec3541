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


{% macro question_maps(message) -%}
    try_variant_get({{ message }}, '$.sequences.questions', 'array<map<string, variant>>')
{%- endmacro %}


{% macro option_maps(questions) -%}
    flatten(transform(
        {{ questions }},
        q -> coalesce(
            filter(try_variant_get(q['options'], '$', 'array<map<string, variant>>'), o -> o is not null),
            array()
        )
    ))
{%- endmacro %}
