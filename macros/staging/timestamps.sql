{#-
    The moment that a string such as `1516717442.735266` says, seconds since 1970 in UTC; null if it
    says none. Digits only: a cast alone would also take `1e9`.
-#}
{% macro from_unix_seconds(text) -%}
    case
        when {{ text }} rlike '^[0-9]{1,11}([.][0-9]{1,9})?$'
            then try_cast(try_cast({{ text }} as decimal(20, 9)) as timestamp)
    end
{%- endmacro %}


{#-
    The moment that an ISO string with its zone says; null if it says none. Without a zone it would
    be another moment in every session, so it is none.
-#}
{% macro from_iso_8601(text) -%}
    case
        when
            {{ text }} rlike '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?(Z|[+-](0[0-9]|1[0-7]):[0-5][0-9])$'
            then try_cast({{ text }} as timestamp)
    end
{%- endmacro %}


{#-
    The moment, if it can be one: not before the variable `earliest_moment`, and not more than a day
    after the record was written, because clocks differ; else null. In microseconds, because a day
    of Spark's is an hour longer or shorter where the session's time zone changes its clocks.

    Args:
        moment: a timestamp.
        written_at: the timestamp of the record.
-#}
{% macro possible_moment(moment, written_at) -%}
    case
        when
            {{ moment }} >= timestamp '{{ setting('earliest_moment') }}T00:00:00Z'
            and unix_micros({{ moment }}) <= unix_micros({{ written_at }}) + 86400000000
            then {{ moment }}
    end
{%- endmacro %}
