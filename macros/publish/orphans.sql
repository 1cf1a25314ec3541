{#-
    List the tables and views in our schemas that no model or seed makes any longer, or drop them.

        dbt run-operation orphans
        dbt run-operation orphans --args '{drop: true}'
-#}
{% macro orphans(drop=false) %}
    {% set wanted, schemas = [failures_table()], [audit_schema()] %}
    {% for node in graph.nodes.values() if node.resource_type in ('model', 'seed') %}
        {% do wanted.extend([node.schema ~ '.' ~ node.alias, node.config.schema ~ '.' ~ node.alias]) %}
        {% do schemas.append(node.config.schema) %}
    {% endfor %}
    {% set existing = run_query('show schemas').columns[0].values() %}
    {% set orphans = [] %}
    {% for schema in schemas | unique | sort if schema in existing %}
        {% set views = run_query('show views in ' ~ schema).columns[1].values() %}
        {% for row in run_query('show tables in ' ~ schema).rows %}
            {% set kind = 'view' if row[1] in views else 'table' %}
            {% if schema ~ '.' ~ row[1] not in wanted %}
                {% do orphans.append([kind, schema ~ '.' ~ row[1]]) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% for kind, name in orphans | sort(reverse=true) %}
        {% if drop %}
            {% do run_query('drop ' ~ kind ~ ' if exists ' ~ name) %}
        {% endif %}
        {{ log(('dropped ' if drop else 'orphan: ') ~ kind ~ ' ' ~ name, info=true) }}
    {% endfor %}
    {{ log(orphans | length ~ ' orphans' ~ ('' if drop or not orphans else "; to drop them: dbt run-operation orphans --args '{drop: true}'"), info=true) }}
{% endmacro %}
