{#-
    Appends to an Iceberg table never conflict, and their sequence numbers are an order on which all
    writers agree. So the lock is a table: each invocation that wants it adds a row, and of those that
    are alive the one whose first row was committed first holds it. dbt runs no hook on Ctrl-C or when it
    is killed, so a holder adds a row about every 15 seconds, its heartbeat; one without a heartbeat for
    `lock_timeout_seconds` is taken for dead, and if it is alive after all, it stops at its next node.
-#}
{% macro acquire_lock() %}
    {% do run_query(
        'create table if not exists ' ~ lock_table()
        ~ ' (invocation string, holder string, since timestamp, seen_at timestamp) using iceberg'
    ) %}
    {% do add_heartbeat() %}
    {% for row in lock_rows() %}
        {% if row.invocation == invocation_id[:8] %}
            {{ return('') }}
        {% elif row.silent_seconds > setting('lock_timeout_seconds') %}
            {% do release_lock(row.invocation) %}
        {% else %}
            {% do release_lock(invocation_id[:8]) %}
            {{ exceptions.raise_compiler_error(
                'the warehouse is in use by ' ~ row.holder ~ ' since ' ~ row.since ~ ' UTC, last seen '
                ~ row.silent_seconds ~ ' s ago. Run this again when it has ended. If it was stopped or killed: in '
                ~ (setting('lock_timeout_seconds') - row.silent_seconds + 1)
                ~ ' s, or after `dbt run-operation release_lock`'
            ) }}
        {% endif %}
    {% endfor %}
{% endmacro %}


{% macro renew_lock() %}
    {% set now = modules.datetime.datetime.now(modules.pytz.utc) %}
    {% if (now - warehouse().heartbeat_at).total_seconds() > 15 %}
        {% do warehouse().update({'heartbeat_at': now}) %}
        {% do add_heartbeat() %}
        {% do check_lock() %}
    {% endif %}
{% endmacro %}


{% macro check_lock() %}
    {% set alive = lock_rows() | rejectattr('silent_seconds', 'gt', setting('lock_timeout_seconds')) | list %}
    {% if not alive or alive[0].invocation != invocation_id[:8] %}
        {{ exceptions.raise_compiler_error(
            'this invocation lost the lock of the warehouse'
            ~ (' to ' ~ alive[0].holder if alive else '') ~ ': it was silent for more than '
            ~ setting('lock_timeout_seconds') ~ ' s (variable lock_timeout_seconds). Nothing was published; run it again'
        ) }}
    {% endif %}
{% endmacro %}


{% macro add_heartbeat() %}
    {% set holder = env_var('USER', 'somebody') ~ ' (dbt ' ~ flags.WHICH ~ ' in ' ~ env_var('PWD', 'an unknown folder')
        ~ (' on ' ~ env_var('HOSTNAME') if env_var('HOSTNAME', '')) ~ ')' %}
    {% do run_query(
        'insert into ' ~ lock_table() ~ ' values (' ~ string_literal(invocation_id[:8]) ~ ', ' ~ string_literal(holder)
        ~ ", timestamp '" ~ run_started_at.strftime('%Y-%m-%dT%H:%M:%SZ') ~ "', current_timestamp())"
    ) %}
{% endmacro %}


{% macro lock_rows() %}
    {{ return(run_query(
        'select invocation, min(holder) as holder, '
        ~ "date_format(min(since), 'yyyy-MM-dd HH:mm:ss') as since, "
        ~ 'cast(unix_seconds(current_timestamp()) - unix_seconds(max(seen_at)) as int) as silent_seconds '
        ~ 'from ' ~ lock_table() ~ ' as signs inner join ' ~ lock_table() ~ '.entries as entries '
        ~ 'on signs._file = entries.data_file.file_path '
        ~ 'group by invocation order by min(entries.sequence_number)'
    ).rows | list) }}
{% endmacro %}


{% macro release_lock(invocation=none) %}
    {% if invocation is not none or lock_table().split('.')[1] in warehouse().tables %}
        {% do run_query(
            'delete from ' ~ lock_table()
            ~ (' where invocation = ' ~ string_literal(invocation) if invocation is not none else '')
        ) %}
    {% endif %}
    {% if invocation is none %}
        {{ log('the lock of the warehouse is free', info=true) }}
    {% endif %}
{% endmacro %}


{% macro lock_table() -%}
    {{ audit_schema() }}.build_lock
{%- endmacro %}
