{#- Computed from the microseconds since 1970, so that the session's time zone makes no difference. -#}

{% macro utc_date(timestamp) -%}
    date_add(date '1970-01-01', cast(floor(unix_micros({{ timestamp }}) / 86400000000) as int))
{%- endmacro %}


{% macro utc_hour(timestamp) -%}
    cast(floor(pmod(unix_micros({{ timestamp }}), 86400000000) / 3600000000) as int)
{%- endmacro %}


{% macro seconds_between(earlier, later) -%}
    cast((unix_micros({{ later }}) - unix_micros({{ earlier }})) / cast(1000000 as decimal(7)) as decimal(18, 6))
{%- endmacro %}


{% macro as_of(otherwise) -%}
    {%- if setting('as_of') -%}
    timestamp '{{ setting('as_of') }}'
    {%- else -%}
    {{ otherwise }}
    {%- endif -%}
{%- endmacro %}
