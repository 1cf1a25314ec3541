{#-
    Publish what passed. At the end of a command, `end_build` (end.sql) publishes each table of which
    every test has passed on its current snapshot (passed_tests.sql), and whose parents are published in
    the state it was made from. To publish a table is to replace the view that readers query.
-#}

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


{% macro publish_tables(ready) %}
    {% set moved = [] %}
    {% set published_at = modules.datetime.datetime.now(modules.pytz.utc).isoformat(timespec='seconds') %}
    {% for name, node in ready.items() if not is_published(node) %}
        {% if not moved %}
            {% do check_lock() %}
        {% endif %}
        {% do publish_table(node, published_at) %}
        {% do moved.append(name) %}
    {% endfor %}
    {{ return(moved) }}
{% endmacro %}


{% macro publish_table(node, published_at) %}
    {% do create_schema_once(node.config.schema) %}
    {% set table = warehouse().tables[node.alias] %}
    {% do run_query(create_view(
        node.config.schema ~ '.' ~ node.alias,
        node,
        {
            'assay.build': format_record(table),
            'assay.snapshot': table.snapshot,
            'assay.description': description_hash(node),
            'assay.published_at': published_at,
        },
        'select ' ~ node.columns | join(', ') ~ ' from ' ~ node.relation_name ~ ' version as of ' ~ table.snapshot
    )) %}
{% endmacro %}


{% macro create_schema_once(schema) %}
    {% if schema not in warehouse().schemas %}
        {% do run_query('create schema if not exists ' ~ schema) %}
        {% do warehouse().schemas.append(schema) %}
    {% endif %}
{% endmacro %}


{% macro is_published(node) %}
    {% set view = warehouse().views.get(node.config.schema ~ '.' ~ node.alias, {}) %}
    {{ return(
        view.snapshot == warehouse().tables.get(node.alias, {}).get('snapshot')
        and view.description == description_hash(node)
    ) }}
{% endmacro %}
