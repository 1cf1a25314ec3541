{#-
    Forget the snapshots of earlier builds, and delete the files that only they need. What readers see
    is tagged, and stays.

        dbt run-operation expire
        dbt run-operation expire --args '{days: 30}'
-#}
{% macro expire(days=7) %}
    {% set age = modules.datetime.timedelta(days=days) %}
    {% set before = (modules.datetime.datetime.now(modules.pytz.utc) - age).strftime('%Y-%m-%dT%H:%M:%SZ') %}
    {% set deleted = [] %}
    {% for node in graph.nodes.values() if node.config.materialized in ('table', 'incremental', 'seed') %}
        {% if adapter.get_relation(node.database, node.schema, node.alias) is not none %}
            {% set files = run_query(
                "call spark_catalog.system.expire_snapshots(table => '" ~ node.relation_name
                ~ "', older_than => timestamp '" ~ before ~ "', retain_last => 1)"
            ).rows[0] %}
            {% do deleted.append(files.values() | sum) %}
        {% endif %}
    {% endfor %}
    {{ log('deleted ' ~ deleted | sum ~ ' files of builds before ' ~ before ~ ' from ' ~ deleted | length ~ ' tables', info=true) }}
{% endmacro %}
