{% macro end_build(results) %}
    {% if not execute or flags.WHICH not in ('run', 'test', 'build') %}
        {{ return('') }}
    {% endif %}
    {% set failed = results | selectattr('status', 'in', ['error', 'fail', 'skipped', 'runtime error', 'partial success']) | list %}
    {% if failed or warehouse().tables.values() | selectattr('was_built', 'defined') | list %}
        {% do check_lock() %}
        {% for name, information in relations_in(audit_schema()) %}
            {% do warehouse().tables.update({name: parse_record(information)}) %}
        {% endfor %}
    {% endif %}
    {% if flags.WHICH != 'run' %}
        {% do record_tests(results) %}
    {% endif %}
    {% set unaudited = unaudited_tables() %}
    {% set ready = publishable_tables(unaudited) %}
    {% set moved = publish_tables(ready) if flags.WHICH != 'run' else [] %}
    {% do release_lock(invocation_id[:8]) %}
    {{ log(build_summary(unaudited, moved, failed), info=true) }}
{% endmacro %}


{% macro build_summary(unaudited, moved, failed) %}
    {% set waiting = [] %}
    {% for node in table_nodes() if node.alias not in moved and not is_published(node) %}
        {% do waiting.append(node.alias) %}
    {% endfor %}
    {% set batch = newest_built_batch() %}
    {% if not waiting and not failed %}
        {{ return(
            ('Published ' ~ moved | length ~ ' tables' if moved else 'Nothing is new')
            ~ ': readers see everything up to batch ' ~ batch
        ) }}
    {% elif flags.WHICH == 'run' %}
        {{ return(
            (waiting | length ~ ' tables wait, ' if waiting) ~ 'readers see what they saw before: '
            ~ ('run again what failed, then ' if failed) ~ '`dbt test` audits and publishes them'
        ) }}
    {% endif %}
    {% set missing = [] if waiting else failed | map(attribute='node.name') | list %}
    {% for name in waiting if name in unaudited %}
        {% do missing.extend(unaudited[name] or [name]) %}
    {% endfor %}
    {{ return(
        ('Published ' ~ moved | length ~ ' tables; ' if moved else 'Nothing was published, readers see what they saw before. ')
        ~ (waiting | length ~ ' tables wait. ' if waiting) ~ 'Not passed: ' ~ (missing | unique | sort)[:5] | join(', ')
        ~ (' and ' ~ ((missing | unique | list | length) - 5) ~ ' more' if missing | unique | list | length > 5)
        ~ '. Why: select * from operations.audit_failures'
    ) }}
{% endmacro %}
