{% macro is_blank(text) -%}
    {{ text }} not rlike '[^\\p{Z}\\p{Cc}\\p{Cf}]'
{%- endmacro %}


{#- Escaped backslashes are replaced first, then whole pairs: an escape that is left is a real one. -#}
{% macro has_invalid_escape(json) -%}
    (
        contains({{ json }}, '\\u')
        and regexp_replace(
            replace({{ json }}, '\\\\', '-'),
            '\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}',
            '-'
        ) rlike '\\\\u([dD][89a-fA-F]|0000)'
    )
{%- endmacro %}


{% macro without_escapes(json) -%}
    regexp_replace(replace({{ json }}, '\\\\', '--'), '\\\\u([0-9a-fA-F]{4})', '_u$1')
{%- endmacro %}
