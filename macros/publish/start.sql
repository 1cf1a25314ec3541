{% macro start_build() %}
    {% if not execute or flags.WHICH not in ('run', 'test', 'build') %}
        {{ return('') }}
    {% endif %}
    {% do check_settings() %}
    {% if flags.EMPTY %}
        {{ exceptions.raise_compiler_error(
            '--empty would replace the tables by empty ones; `dbt compile` checks the SQL, and the unit tests what it does'
        ) }}
    {% endif %}
    {% do run_query('create schema if not exists ' ~ audit_schema()) %}
    {% do acquire_lock() %}
    {% do warehouse().update({'heartbeat_at': modules.datetime.datetime.now(modules.pytz.utc)}) %}
    {% do check_inputs() %}
    {% do create_failures_table() %}
    {% do passing_result() %}
    {% do roll_back_unfinished() %}
{% endmacro %}


{% macro check_inputs() %}
    {% for source in graph.sources.values() if source.source_name == 'raw' %}
        {% set name = source.schema ~ '.' ~ source.identifier %}
        {% if name not in warehouse().sources %}
            {% do release_lock(invocation_id[:8]) %}
            {{ exceptions.raise_compiler_error(
                'there is no table ' ~ name ~ ': nothing was ingested yet; `python -m ingest run` does, then run this again'
            ) }}
        {% endif %}
    {% endfor %}
    {% if flags.WHICH == 'test' and not warehouse().tables.values() | selectattr('code') | list %}
        {% do release_lock(invocation_id[:8]) %}
        {{ exceptions.raise_compiler_error('there is nothing to test: `dbt run` makes the tables, or `dbt build` all at once') }}
    {% endif %}
{% endmacro %}


{% macro roll_back_unfinished() %}
    {% for node in table_nodes() if node.config.materialized == 'incremental' and node.alias in warehouse().tables %}
        {% set table = warehouse().tables[node.alias] %}
        {% set published = warehouse().views.get(node.config.schema ~ '.' ~ node.alias) %}
        {% if not table.code and published and published.snapshot and flags.WHICH != 'test' %}
            {% do run_query(
                "call spark_catalog.system.set_current_snapshot('" ~ node.relation_name ~ "', " ~ published.snapshot ~ 'L)'
            ) %}
            {% do table.update(published) %}
            {{ log(node.alias ~ ' was changed by something else than a finished build: set back to what readers see', info=true) }}
        {% endif %}
    {% endfor %}
{% endmacro %}
