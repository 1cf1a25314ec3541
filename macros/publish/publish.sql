{#-
    The end of every `dbt run`, `dbt test` and `dbt build`. Readers query views that name a snapshot of a
    table. A view moves on to the current snapshot if that is audited (every test of the table passed on
    it, in whatever invocation) and if what was read to make it is published too. `dbt run` publishes
    nothing: it says what waits.
-#}
{% macro end_build(results) %}
    {% if not execute or flags.WHICH not in ('run', 'test', 'build') %}
        {{ return('') }}
    {% endif %}
    {% do check_lock() %}
    {% for name, information in relations_in(audit_schema()) %}
        {% do warehouse().tables.update({name: parse_record(information)}) %}
    {% endfor %}
    {% if flags.WHICH != 'run' %}
        {% do record_tests(results) %}
    {% endif %}
    {% set unaudited = unaudited_tables() %}
    {% set ready = publishable_tables(unaudited) %}
    {% set moved = publish_tables(ready) if flags.WHICH != 'run' else [] %}
    {% do release_lock(invocation_id[:8]) %}
    {% set failed = results | selectattr('status', 'in', ['error', 'fail', 'skipped', 'runtime error', 'partial success']) | list %}
    {{ log(outcome(unaudited, moved, failed), info=true) }}
{% endmacro %}


{#- Record which tests passed on what, and drop the failing rows of earlier runs of these tests. -#}
{% macro record_tests(results) %}
    {% set passed, ran = warehouse().passed, [] %}
    {% set before = passed | string %}
    {% for result in results if result.node.resource_type == 'test' and result.status not in ('skipped', 'error') %}
        {% set test = graph.nodes[result.node.unique_id] %}
        {% do ran.append(string_literal(test.name)) %}
        {% do passed.pop(test.name, none) %}
        {% if result.status in ('pass', 'warn') %}
            {% do passed.update({test.name: {
                'code': warehouse().tests.get(test.name),
                'definition': test_definition(test),
                'snapshots': snapshots_read_by(test),
            }}) %}
        {% endif %}
    {% endfor %}
    {% if passed and passed | string != before %}
        {% do run_query(
            'create or replace table ' ~ audit_schema() ~ '.passed_tests using iceberg as '
            ~ 'select * from values ' ~ passed_test_rows(passed) ~ ' as passed (test_name, code, definition, snapshots)'
        ) %}
    {% endif %}
    {% if ran %}
        {% do run_query(
            'delete from ' ~ failures_table() ~ ' where test_name in (' ~ ran | join(', ') ~ ') and invocation != '
            ~ string_literal(invocation_id[:8])
        ) %}
    {% endif %}
{% endmacro %}


{#- What passed, as rows of SQL. -#}
{% macro passed_test_rows(passed) %}
    {% set rows = [] %}
    {% for name, what in passed | dictsort %}
        {% do rows.append(
            '(' ~ string_literal(name) ~ ', ' ~ string_literal(what.code) ~ ', ' ~ string_literal(what.definition)
            ~ ', ' ~ string_literal(what.snapshots) ~ ')'
        ) %}
    {% endfor %}
    {{ return(rows | join(', ')) }}
{% endmacro %}


{#- By table that cannot be published as it is, the names of its tests that have not passed on it. -#}
{% macro unaudited_tables() %}
    {% set found = {} %}
    {% for node in table_nodes() if not warehouse().tables.get(node.alias, {}).get('code') %}
        {% do found.update({node.alias: []}) %}
    {% endfor %}
    {% for test in graph.nodes.values() if test.resource_type == 'test' and test.config.enabled %}
        {% set passed = warehouse().passed.get(test.name, {}) %}
        {% if passed.definition != test_definition(test) or passed.snapshots != snapshots_read_by(test) %}
            {% for node in tables_audited_by(test) %}
                {% do found.setdefault(node.alias, []).append(test.name) %}
            {% endfor %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#-
    The audited tables whose parents are published in the batch and code that were read, or can be
    published with them. Each round leaves out those whose parents were left out in the one before.
-#}
{% macro publishable_tables(unaudited) %}
    {% set ready = {} %}
    {% for node in table_nodes() if node.alias not in unaudited %}
        {% do ready.update({node.alias: node}) %}
    {% endfor %}
    {% set nodes, stable = table_nodes(), namespace(is=false) %}
    {% for _ in nodes if not stable.is %}
        {% set count = ready | length %}
        {% for name in ready | list if not parents_are_published(name, nodes, ready) %}
            {% do ready.pop(name) %}
        {% endfor %}
        {% set stable.is = ready | length == count %}
    {% endfor %}
    {{ return(ready) }}
{% endmacro %}


{#- Whether readers see, or will see, the tables that a table was made from as they were then. -#}
{% macro parents_are_published(name, nodes, ready) %}
    {% for node in nodes if node.alias in warehouse().tables[name].parents %}
        {% set state = warehouse().tables[node.alias] if node.alias in ready
            else warehouse().views.get(node.config.schema ~ '.' ~ node.alias, {}) %}
        {% if state.code ~ '@' ~ state.batch != warehouse().tables[name].parents[node.alias] %}
            {{ return(false) }}
        {% endif %}
    {% endfor %}
    {{ return(true) }}
{% endmacro %}


{#- Move the views of these tables to the current snapshots, and return the names of those that moved. -#}
{% macro publish_tables(ready) %}
    {% set moved = [] %}
    {% for schema in ready.values() | map(attribute='config.schema') | unique | sort %}
        {% do run_query('create schema if not exists ' ~ schema) %}
    {% endfor %}
    {% for name, node in ready.items() if not is_published(node) %}
        {% set table = warehouse().tables[name] %}
        {% do run_query(create_view(
            node.config.schema ~ '.' ~ node.alias,
            node,
            {'assay.build': format_record(table), 'assay.snapshot': table.snapshot, 'assay.description': description_hash(node)},
            'select ' ~ node.columns | join(', ') ~ ' from ' ~ node.relation_name ~ ' version as of ' ~ table.snapshot
        )) %}
        {% do moved.append(name) %}
    {% endfor %}
    {{ return(moved) }}
{% endmacro %}


{#- Whether readers see the current snapshot of a table, as it is described now. -#}
{% macro is_published(node) %}
    {% set view = warehouse().views.get(node.config.schema ~ '.' ~ node.alias, {}) %}
    {{ return(
        view.snapshot == warehouse().tables.get(node.alias, {}).get('snapshot')
        and view.description == description_hash(node)
    ) }}
{% endmacro %}


{#- One line: what was published, what waits, and for what. -#}
{% macro outcome(unaudited, moved, failed) %}
    {% set waiting = [] %}
    {% for node in table_nodes() if node.alias not in moved and not is_published(node) %}
        {% do waiting.append(node.alias) %}
    {% endfor %}
    {% set batch = newest_built_batch() %}
    {% if not waiting %}
        {{ return(
            ('Published ' ~ moved | length ~ ' tables' if moved else 'Nothing is new')
            ~ ': readers see everything up to batch ' ~ batch
        ) }}
    {% elif flags.WHICH == 'run' %}
        {{ return(
            waiting | length ~ ' tables wait, readers see what they saw before: '
            ~ ('run again what failed, then ' if failed) ~ '`dbt test` audits and publishes them'
        ) }}
    {% endif %}
    {% set missing = [] %}
    {% for name in waiting if name in unaudited %}
        {% do missing.extend(unaudited[name] or [name]) %}
    {% endfor %}
    {{ return(
        ('Published ' ~ moved | length ~ ' tables; ' if moved else 'Nothing was published, readers see what they saw before: ')
        ~ waiting | length ~ ' tables wait. Not passed: ' ~ (missing | unique | sort)[:5] | join(', ')
        ~ (' and ' ~ ((missing | unique | list | length) - 5) ~ ' more' if missing | unique | list | length > 5)
        ~ '. Why: select * from operations.audit_failures'
    ) }}
{% endmacro %}
