{#- The moment, in UTC, that a string such as `1516717442.735266` says; null if it says none. -#}
{% macro from_unix_seconds(text) -%}
    try_cast(try_cast({{ text }} as decimal(20, 7)) as timestamp)
{%- endmacro %}
