{#-
    A table that is replaced as a whole has few files; the others get some with every build. A compaction
    changes no row, but commits a snapshot without the record of a build. It is followed by an empty
    commit with the record, so that the next build finds the table as its own. One that died between the
    two is set back by the next build, as a build that died.

    Then the tests that passed on the earlier snapshot are recorded for the new one, and the view shows it.
-#}
{% macro compact_tables() %}
    {% set compacted, files = {}, [] %}
    {% for node in table_nodes() if node.config.materialized == 'incremental' and node.alias in warehouse().tables %}
        {% set view = warehouse().views.get(node.config.schema ~ '.' ~ node.alias, {}) %}
        {% if warehouse().tables[node.alias].code and is_published(node) and view.published_at %}
            {% do renew_lock() %}
            {% set rewritten = compact_files(node) %}
            {% if rewritten %}
                {% do files.append(rewritten) %}
                {% do compacted.update({node.alias: node}) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {% if compacted %}
        {% do take_over_compacted(compacted) %}
    {% endif %}
    {{ return(files | sum) }}
{% endmacro %}


{% macro compact_files(node) %}
    {% set table = warehouse().tables[node.alias] %}
    {% set done = run_query(
        "call spark_catalog.system.rewrite_data_files(table => '" ~ node.relation_name ~ "', "
        ~ "options => map('delete-file-threshold', '5', 'remove-dangling-deletes', 'true'))"
    ).rows[0] %}
    {% if done.rewritten_data_files_count or done.removed_delete_files_count %}
        {% set columns = node.columns | join(', ') %}
        {% do record_in_snapshots(table) %}
        {% do run_query(
            'insert into ' ~ node.relation_name ~ ' (' ~ columns ~ ') select ' ~ columns ~ ' from ' ~ node.relation_name
            ~ ' where false'
        ) %}
        {% do run_query('reset `spark.sql.iceberg.snapshot-property.assay.build`') %}
        {% set counts = run_query(
            'select count(*) from ' ~ node.relation_name ~ ' union all '
            ~ 'select count(*) from ' ~ node.relation_name ~ ' version as of ' ~ table.snapshot
        ).columns[0].values() %}
        {% if counts[0] != counts[1] %}
            {{ exceptions.raise_compiler_error(
                'the compaction of ' ~ node.alias ~ ' changed ' ~ counts[1] ~ ' rows to ' ~ counts[0] ~ '; readers see '
                ~ "what they saw before. Set it back: call spark_catalog.system.set_current_snapshot('"
                ~ node.relation_name ~ "', " ~ table.snapshot ~ 'L)'
            ) }}
        {% endif %}
    {% endif %}
    {{ return(done.rewritten_data_files_count + done.removed_delete_files_count) }}
{% endmacro %}


{% macro take_over_compacted(compacted) %}
    {% set replaced = {} %}
    {% for name, information in relations_in(audit_schema()) if name in compacted %}
        {% set record = parse_record(information) %}
        {% do replaced.update({name ~ '=' ~ warehouse().tables[name].snapshot: name ~ '=' ~ record.snapshot}) %}
        {% do warehouse().tables.update({name: record}) %}
    {% endfor %}
    {% for passed in warehouse().passed.values() %}
        {% set words = [] %}
        {% for word in passed.snapshots.split(' ') %}
            {% do words.append(replaced.get(word, word)) %}
        {% endfor %}
        {% do passed.update({'snapshots': words | join(' ')}) %}
    {% endfor %}
    {% do write_passed_tests(warehouse().passed) %}
    {% for node in compacted.values() %}
        {% set view = warehouse().views[node.config.schema ~ '.' ~ node.alias] %}
        {% do publish_table(node, view.published_at) %}
    {% endfor %}
{% endmacro %}
