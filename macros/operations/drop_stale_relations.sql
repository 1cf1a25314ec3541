{% macro drop_stale_relations(drop=false) %}
    {% do check_boolean('drop', drop) %}
    {% set wanted = [] %}
    {% for node in graph.nodes.values() if node.resource_type == 'model' %}
        {% do wanted.extend([node.schema ~ '.' ~ node.alias, node.config.schema ~ '.' ~ node.alias]) %}
    {% endfor %}
    {% set stale = [] %}
    {% for name, view in warehouse().views.items() if view.code and name not in wanted %}
        {% do stale.append(('view', name)) %}
    {% endfor %}
    {% for table, record in warehouse().tables.items() if record.code and audit_schema() ~ '.' ~ table not in wanted %}
        {% do stale.append(('table', audit_schema() ~ '.' ~ table)) %}
    {% endfor %}
    {% for kind, name in stale %}
        {% if drop %}
            {% do run_query('drop ' ~ kind ~ ' if exists ' ~ name) %}
        {% endif %}
        {{ log(('dropped ' if drop else 'stale: ') ~ kind ~ ' ' ~ name, info=true) }}
    {% endfor %}
    {{ log(stale | length ~ ' stale relations' ~ ('' if drop or not stale else "; to drop them: dbt run-operation drop_stale_relations --args '{drop: true}'"), info=true) }}
{% endmacro %}
