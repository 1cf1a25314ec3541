{#- `graph` is the one object that all nodes of an invocation share, so the answer is kept there. -#}
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
        {% do found.update({'passed': read_passed_tests()}) %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}


{% macro relations_in(schema) %}
    {% set found = [] %}
    {% for row in run_query('show table extended in ' ~ schema ~ " like '*'").rows %}
        {% do found.append((row[1], row[3])) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}
