{#-
    Under the lock of builds, so that no table changes meanwhile. Readers are not disturbed: the rows that
    their views show stay where they are, and a snapshot outlives the view that showed it by an hour.
-#}
{% macro maintain(days=7) %}
    {% if days is not integer or days is boolean or days < 0 or days > 3650 %}
        {{ exceptions.raise_compiler_error('days is ' ~ tojson(days) ~ ', and has to be a whole number from 0 to 3650') }}
    {% endif %}
    {% do run_query('create schema if not exists ' ~ audit_schema()) %}
    {% do acquire_lock() %}
    {% do warehouse().update({'heartbeat_at': modules.datetime.datetime.now(modules.pytz.utc)}) %}
    {% do limit_metadata() %}
    {% set done = [
        ('files of old snapshots deleted', expire_snapshots(days)),
        ('data files compacted', compact_tables()),
        ('orphan files deleted', remove_orphan_files(days)),
    ] %}
    {% do release_lock(invocation_id[:8]) %}
    {% for what, count in done %}
        {{ log(what ~ ': ' ~ count, info=true) }}
    {% endfor %}
{% endmacro %}


{% macro maintained_tables() %}
    {% set names = [] %}
    {% for name in table_nodes() | map(attribute='alias') | list + ['test_failures', 'passed_tests', 'build_lock'] %}
        {% if name in warehouse().tables %}
            {% do names.append(name) %}
        {% endif %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}


{#- Each commit writes a new metadata file; by default all of these files are kept. -#}
{% macro limit_metadata() %}
    {% for name, information in relations_in(audit_schema()) if name in maintained_tables() %}
        {% if 'write.metadata.delete-after-commit.enabled=true' not in information %}
            {% do run_query(
                'alter table ' ~ audit_schema() ~ '.' ~ name ~ " set tblproperties ("
                ~ "'write.metadata.delete-after-commit.enabled' = 'true', 'write.metadata.previous-versions-max' = '20')"
            ) %}
        {% endif %}
    {% endfor %}
{% endmacro %}


{% macro expire_snapshots(days) %}
    {% set before, deleted, names = days_ago(days), [], maintained_tables() %}
    {% for node in table_nodes() if node.alias in names %}
        {% set view = warehouse().views.get(node.config.schema ~ '.' ~ node.alias, {}) %}
        {% if view and view.snapshot != warehouse().tables[node.alias].snapshot %}
            {% do names.remove(node.alias) %}
            {{ log(node.alias ~ ' waits to be published: its snapshots stay', info=true) }}
        {% elif days and view and seconds_since(view.replaced_at) < 3600 %}
            {% do names.remove(node.alias) %}
        {% endif %}
    {% endfor %}
    {% for name in tables_with_old_snapshots(before, names) %}
        {% do renew_lock() %}
        {% set files = run_query(
            "call spark_catalog.system.expire_snapshots(table => '" ~ audit_schema() ~ '.' ~ name
            ~ "', older_than => timestamp '" ~ before ~ "', retain_last => 1)"
        ).rows[0] %}
        {% do deleted.append(files.values() | sum) %}
    {% endfor %}
    {{ return(deleted | sum) }}
{% endmacro %}


{% macro tables_with_old_snapshots(before, names) %}
    {% set queries = [] %}
    {% for name in names %}
        {% do queries.append(
            "select '" ~ name ~ "' from " ~ audit_schema() ~ '.' ~ name ~ ".snapshots where committed_at < timestamp '"
            ~ before ~ "' and snapshot_id != " ~ warehouse().tables[name].snapshot ~ ' having count(*) > 0'
        ) %}
    {% endfor %}
    {{ return(run_query(queries | join(' union all ')).columns[0].values() if queries else []) }}
{% endmacro %}


{#- A writer that is not a build, such as this macro's, may write a file long before the commit that refers to it. -#}
{% macro remove_orphan_files(days) %}
    {% set before, deleted = days_ago([days, 3] | max), [] %}
    {% for name in maintained_tables() %}
        {% do renew_lock() %}
        {% do deleted.extend(run_query(
            "call spark_catalog.system.remove_orphan_files(table => '" ~ audit_schema() ~ '.' ~ name
            ~ "', older_than => timestamp '" ~ before ~ "')"
        ).rows) %}
    {% endfor %}
    {{ return(deleted | length) }}
{% endmacro %}


{% macro days_ago(days) %}
    {% set now = modules.datetime.datetime.now(modules.pytz.utc) %}
    {{ return((now - modules.datetime.timedelta(days=days)).strftime('%Y-%m-%dT%H:%M:%SZ')) }}
{% endmacro %}


{% macro seconds_since(unix_seconds) %}
    {{ return(modules.datetime.datetime.now(modules.pytz.utc).timestamp() - (unix_seconds | int)) }}
{% endmacro %}
