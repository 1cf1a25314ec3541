{% macro table_nodes() %}
    {{ return(graph.nodes.values() | selectattr('resource_type', 'eq', 'model')
        | selectattr('config.materialized', 'in', ['table', 'incremental']) | list) }}
{% endmacro %}


{% macro node_of(relation) %}
    {{ return(graph.nodes.values() | selectattr('resource_type', 'eq', 'model')
        | selectattr('alias', 'eq', relation.identifier) | first) }}
{% endmacro %}


{% macro published_schemas() %}
    {{ return(graph.nodes.values() | selectattr('resource_type', 'eq', 'model')
        | map(attribute='config.schema') | unique | sort) }}
{% endmacro %}


{% macro stored_relations(id) %}
    {% if id in graph.sources %}
        {{ return({'tables': [], 'sources': [graph.sources[id]]}) }}
    {% elif graph.nodes[id].config.materialized != 'view' %}
        {{ return({'tables': [graph.nodes[id]], 'sources': []}) }}
    {% endif %}
    {{ return(stored_relations_of_all(graph.nodes[id].depends_on.nodes)) }}
{% endmacro %}


{% macro stored_relations_of_all(ids) %}
    {% set tables, sources = [], [] %}
    {% for id in ids %}
        {% set found = stored_relations(id) %}
        {% do tables.extend(found.tables) %}
        {% do sources.extend(found.sources) %}
    {% endfor %}
    {{ return({
        'tables': tables | unique(attribute='unique_id') | list,
        'sources': sources | unique(attribute='unique_id') | list,
    }) }}
{% endmacro %}


{% macro published(relation) %}
    {% if execute %}
        {% set relation = relation.incorporate(path={'schema': node_of(relation).config.schema}) %}
    {% endif %}
    {{ return(relation) }}
{% endmacro %}
