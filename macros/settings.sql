{% macro declared_settings() %}
    {{ return({
        'as_of': ['timestamp', 'an ISO timestamp in UTC such as "2018-01-28T00:00:00Z", or ""'],
        'pass_mark': ['number', 'a number from 0 to 1', 0, 1],
        'max_duration_seconds': ['number', 'a number of seconds from 1 to 86400', 1, 86400],
        'min_attempts': ['integer', 'a whole number from 1', 1, 1000000000],
        'earliest_timestamp': ['date', 'a date in UTC such as "2000-01-01", from 1970-01-01 to 2100-01-01'],
        'max_rejected_share': ['number', 'a number from 0 to 1', 0, 1],
        'lock_timeout_seconds': ['integer', 'a whole number of seconds from 30 to 86400', 30, 86400],
    }) }}
{% endmacro %}


{% macro setting(name) %}
    {% set value = var(name) %}
    {% set kind = declared_settings()[name] %}
    {% if not is_valid_setting(value, kind) %}
        {{ exceptions.raise_compiler_error(
            'the variable ' ~ name ~ ' is ' ~ tojson(value) ~ ', and has to be ' ~ kind[1]
        ) }}
    {% endif %}
    {{ return(value) }}
{% endmacro %}


{% macro is_valid_setting(value, kind) %}
    {% if kind[0] == 'date' %}
        {{ return(value is string and modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}', value) is not none
            and is_date(value) and '1970-01-01' <= value and value <= '2100-01-01') }}
    {% elif kind[0] == 'timestamp' %}
        {{ return(value == '' or (value is string
            and modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?Z', value) is not none
            and is_date(value[:10]) and value[11:13] | int < 24 and value[14:16] | int < 60 and value[17:19] | int < 60)) }}
    {% endif %}
    {{ return(
        value is number and value is not boolean and (kind[0] == 'number' or value is integer)
        and kind[2] <= value and value <= kind[3]
    ) }}
{% endmacro %}


{% macro is_date(text) %}
    {% set year, month, day = text.split('-') | map('int') | list %}
    {% set is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) %}
    {{ return(
        year >= 1 and 1 <= month and month <= 12 and 1 <= day
        and day <= [31, 29 if is_leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    ) }}
{% endmacro %}


{% macro check_settings() %}
    {% for name in declared_settings() %}
        {% do setting(name) %}
    {% endfor %}
    {% set given = invocation_args_dict.get('vars') or {} %}
    {% set unknown = (fromyaml(given) if given is string else given) | reject('in', declared_settings()) | list %}
    {% if unknown %}
        {{ exceptions.raise_compiler_error(
            'there is no variable ' ~ unknown | join(', ') ~ '; there are ' ~ declared_settings() | join(', ')
            ~ ' (dbt_project.yml)'
        ) }}
    {% endif %}
{% endmacro %}


{% macro check_boolean(name, value) %}
    {% if value is not boolean %}
        {{ exceptions.raise_compiler_error(name ~ ' is ' ~ tojson(value) ~ ', and has to be true or false') }}
    {% endif %}
{% endmacro %}
