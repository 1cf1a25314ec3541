{#- The pattern takes digits only; a cast alone would also take `1e9`. -#}
{% macro from_unix_seconds(text) -%}
    case
        when {{ text }} rlike '^[0-9]{1,11}([.][0-9]{1,9})?$'
            then try_cast(try_cast({{ text }} as decimal(20, 9)) as timestamp)
    end
{%- endmacro %}


{% macro from_iso_8601(text) -%}
    case
        when
            {{ text }} rlike '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?(Z|[+-](0[0-9]|1[0-7]):[0-5][0-9])$'
            then try_cast({{ text }} as timestamp)
    end
{%- endmacro %}


{#- In microseconds, because a day of Spark's is an hour longer or shorter where the session's time zone changes its clocks. -#}
{% macro valid_timestamp(timestamp, written_at) -%}
    case
        when
            {{ timestamp }} >= timestamp '{{ setting('earliest_timestamp') }}T00:00:00Z'
            and unix_micros({{ timestamp }}) <= unix_micros({{ written_at }}) + 86400000000
            then {{ timestamp }}
    end
{%- endmacro %}
