{% macro expire(days=7) %}
    {% if days is not integer or days is boolean or days < 0 or days > 3650 %}
        {{ exceptions.raise_compiler_error('days is ' ~ tojson(days) ~ ', and has to be a whole number from 0 to 3650') }}
    {% endif %}
    {% set age = modules.datetime.timedelta(days=days) %}
    {% set before = (modules.datetime.datetime.now(modules.pytz.utc) - age).strftime('%Y-%m-%dT%H:%M:%SZ') %}
    {% set deleted, tables = [], [] %}
    {% for node in table_nodes() if node.alias in warehouse().tables %}
        {% set view = warehouse().views.get(node.config.schema ~ '.' ~ node.alias, {}) %}
        {% if view and view.snapshot != warehouse().tables[node.alias].snapshot %}
            {{ log(node.alias ~ ' waits to be published, and is left alone', info=true) }}
        {% else %}
            {% do tables.append(node.alias) %}
        {% endif %}
    {% endfor %}
    {% for name in ['test_failures', 'passed_tests', 'build_lock'] if name in warehouse().tables %}
        {% do tables.append(name) %}
    {% endfor %}
    {% for name in tables_with_old_snapshots(before, tables) %}
        {% set files = run_query(
            "call spark_catalog.system.expire_snapshots(table => '" ~ audit_schema() ~ '.' ~ name
            ~ "', older_than => timestamp '" ~ before ~ "', retain_last => 1)"
        ).rows[0] %}
        {% do deleted.append(files.values() | sum) %}
    {% endfor %}
    {{ log('deleted ' ~ deleted | sum ~ ' files of builds before ' ~ before ~ ' from ' ~ deleted | length ~ ' of ' ~ tables | length ~ ' tables', info=true) }}
{% endmacro %}


{% macro tables_with_old_snapshots(before, tables) %}
    {% set queries = [] %}
    {% for name in tables %}
        {% do queries.append(
            "select '" ~ name ~ "' from " ~ audit_schema() ~ '.' ~ name ~ ".snapshots where committed_at < timestamp '"
            ~ before ~ "' and snapshot_id != " ~ warehouse().tables[name].snapshot ~ ' having count(*) > 0'
        ) %}
    {% endfor %}
    {{ return(run_query(queries | join(' union all ')).columns[0].values() if queries else []) }}
{% endmacro %}
