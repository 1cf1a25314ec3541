{#-
    What the warehouse holds: read once, at the start of an invocation, and kept up to date by it.

    Returns a dict:
        schemas: the names of all that there are.
        tables: by name, each table of the schema `audit` with its current `snapshot` and the record
            of the build that made it (`parse_record`); without `code`, no build made it.
        views: by `schema.name`, each view with the record of what it shows, the `snapshot` that it
            reads (published views) and the hash of its `description`.
        sources: by `schema.name`, the current snapshot of each raw table.
        passed: by test, what it passed on (`passed_tests`).
        tests: by test, the hash of its SQL, where this invocation has met it.
        nothing_failed: what a test returns that passes; only Spark makes such a table for dbt.

    One statement a schema: Iceberg keeps the id and the summary of a table's current snapshot in the
    metastore. `graph` is the one object that all nodes of an invocation share.
-#}
{% macro warehouse() %}
    {% if 'warehouse' not in graph %}
        {% do graph.update({'warehouse': read_warehouse()}) %}
    {% endif %}
    {{ return(graph.warehouse) }}
{% endmacro %}


{% macro read_warehouse() %}
    {% set schemas = run_query('show schemas').columns[0].values() | list %}
    {% set found = {'schemas': schemas, 'tables': {}, 'views': {}, 'sources': {}, 'passed': {}, 'tests': {}} %}
    {% for schema in [audit_schema(), 'raw'] + published_schemas() if schema in schemas %}
        {% for name, information in relations_in(schema) %}
            {% if 'Type: VIEW' in information %}
                {% do found.views.update({schema ~ '.' ~ name: parse_record(information)}) %}
            {% elif schema == 'raw' %}
                {% do found.sources.update({schema ~ '.' ~ name: parse_record(information).snapshot}) %}
            {% elif schema == audit_schema() %}
                {% do found.tables.update({name: parse_record(information)}) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% if 'passed_tests' in found.tables %}
        {% for row in run_query('select test_name, code, definition, snapshots from ' ~ audit_schema() ~ '.passed_tests').rows %}
            {% do found.passed.update({row[0]: {'code': row[1], 'definition': row[2], 'snapshots': row[3]}}) %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}


{#- Pairs of a relation's name and what the metastore says of it. -#}
{% macro relations_in(schema) %}
    {% set found = [] %}
    {% for row in run_query('show table extended in ' ~ schema ~ " like '*'").rows %}
        {% do found.append((row[1], row[3])) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#-
    The record that a build left of a relation, from what the metastore says of it.

    A snapshot's summary and a view's properties hold it as `assay.build`, words without quotes or
    commas: batch, code, the build that made the whole table, and `parent=code@batch` for each table
    that was read, or `source=snapshot`.
-#}
{% macro parse_record(information) %}
    {% set record = {'snapshot': none, 'batch': 0, 'code': none, 'whole': none, 'parents': {}, 'description': none} %}
    {% for key, pattern in [
        ('snapshot', '(?:assay.snapshot|current-snapshot-id)=(\\d+)'),
        ('description', 'assay.description=(\\w+)'),
    ] %}
        {% for value in modules.re.findall(pattern, information) %}
            {% do record.update({key: value}) %}
        {% endfor %}
    {% endfor %}
    {% for text in modules.re.findall('assay\\.build"?[=:]"?([^",\\]\\n]+)', information) %}
        {% set words = text.split(' ') %}
        {% do record.update({'batch': words[0] | int, 'code': words[1], 'whole': words[2]}) %}
        {% for word in words[3:] %}
            {% do record.parents.update({word.split('=')[0]: word.split('=')[1]}) %}
        {% endfor %}
    {% endfor %}
    {{ return(record) }}
{% endmacro %}


{#- The reverse of `parse_record`. -#}
{% macro format_record(record) %}
    {% set words = [record.batch, record.code, record.whole] %}
    {% for parent, state in record.parents | dictsort %}
        {% do words.append(parent ~ '=' ~ state) %}
    {% endfor %}
    {{ return(words | join(' ')) }}
{% endmacro %}


{#- The models that are stored as tables, which are what is built, audited and published. -#}
{% macro table_nodes() %}
    {{ return(graph.nodes.values() | selectattr('resource_type', 'eq', 'model')
        | selectattr('config.materialized', 'in', ['table', 'incremental']) | list) }}
{% endmacro %}


{#- The schemas in which readers look. -#}
{% macro published_schemas() %}
    {{ return(graph.nodes.values() | selectattr('resource_type', 'eq', 'model')
        | map(attribute='config.schema') | unique | sort) }}
{% endmacro %}


{#- The tables and sources that a node is made from, itself if it is one, through views. -#}
{% macro stored_under(id) %}
    {% if id in graph.sources %}
        {{ return({'tables': [], 'sources': [graph.sources[id]]}) }}
    {% elif graph.nodes[id].config.materialized != 'view' %}
        {{ return({'tables': [graph.nodes[id]], 'sources': []}) }}
    {% endif %}
    {{ return(stored_under_all(graph.nodes[id].depends_on.nodes)) }}
{% endmacro %}


{#- The same of several nodes. -#}
{% macro stored_under_all(ids) %}
    {% set tables, sources = [], [] %}
    {% for id in ids %}
        {% set found = stored_under(id) %}
        {% do tables.extend(found.tables) %}
        {% do sources.extend(found.sources) %}
    {% endfor %}
    {{ return({
        'tables': tables | unique(attribute='unique_id') | list,
        'sources': sources | unique(attribute='unique_id') | list,
    }) }}
{% endmacro %}
