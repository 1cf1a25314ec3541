{#- Whether a string shows nothing: it is empty, or all of it is spaces, control or format characters. -#}
{% macro is_blank(text) -%}
    {{ text }} not rlike '[^\\p{Z}\\p{Cc}\\p{Cf}]'
{%- endmacro %}


{#-
    Whether JSON text has an escape that is no character of Unicode (half of a surrogate pair), or
    NUL, which many tools take for the end of a string. Spark would read the half as a question mark.
    Escaped backslashes are replaced first, then whole pairs: an escape that is left is a real one.
-#}
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


{#- JSON text whose escapes of characters are plain letters: as many keys, all of them different. -#}
{% macro without_escapes(json) -%}
    regexp_replace(replace({{ json }}, '\\\\', '--'), '\\\\u([0-9a-fA-F]{4})', '_u$1')
{%- endmacro %}
