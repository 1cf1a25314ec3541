{#- The date of a moment in UTC, whatever the session's time zone. -#}
{% macro utc_date(moment) -%}
    date_add(date '1970-01-01', cast(floor(unix_micros({{ moment }}) / 86400000000) as int))
{%- endmacro %}


{#- The hour of a moment in UTC, from 0 to 23, whatever the session's time zone. -#}
{% macro utc_hour(moment) -%}
    cast(floor(pmod(unix_micros({{ moment }}), 86400000000) / 3600000000) as int)
{%- endmacro %}


{#- Seconds from one moment to another, exact to the microsecond. -#}
{% macro seconds_between(earlier, later) -%}
    cast((unix_micros({{ later }}) - unix_micros({{ earlier }})) / cast(1000000 as decimal(7)) as decimal(18, 6))
{%- endmacro %}


{#-
    The moment as of which the pipeline is judged: the variable `as_of` (ISO, in UTC, with its Z), or
    else the given one. Never the clock: a build of the same data gives the same tables.
-#}
{% macro as_of(otherwise) -%}
    {%- if setting('as_of') -%}
    timestamp '{{ setting('as_of') }}'
    {%- else -%}
    {{ otherwise }}
    {%- endif -%}
{%- endmacro %}


{#- A share from 0 to 1; null of nothing. -#}
{% macro share(part, whole) -%}
    cast(try_divide({{ part }}, {{ whole }}) as double)
{%- endmacro %}
