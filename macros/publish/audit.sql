{% macro audit_filter(relation) -%}
    {%- if is_audited_by_batch(relation) -%}
    {%- set node = node_of(relation) -%}
    {{ 'latest_batch_id' if 'latest_batch_id' in node.columns else 'batch_id' }} > {{ audited_batch(api.Relation.create(
        schema=audit_schema(), identifier=stored_relations(node.unique_id).tables[0].alias
    )) }}
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{% macro is_audited_by_batch(relation) %}
    {% set node = node_of(relation) if execute %}
    {{ return(
        node and stored_relations(node.unique_id).tables | map(attribute='config.materialized') | list == ['incremental']
    ) }}
{% endmacro %}


{% macro audited_batch(relation) -%}
    (0 /* audited batch of {{ relation.identifier }} */)
{%- endmacro %}


{% macro sql_of_test(test, sql, code) %}
    {% set ns = namespace(sql=sql | replace(newest_batch(), newest_built_batch() | string)) %}
    {% for node in stored_relations_of_all(test.depends_on.nodes).tables if node.config.materialized == 'incremental' %}
        {% set marker = audited_batch(api.Relation.create(schema=audit_schema(), identifier=node.alias)) %}
        {% set ns.sql = ns.sql | replace(marker, audited_up_to(test, node, code) | string) %}
    {% endfor %}
    {{ return(ns.sql) }}
{% endmacro %}


{% macro has_no_new_batches(test, sql, code) %}
    {% for node in stored_relations_of_all(test.depends_on.nodes).tables if newest_batch() in sql %}
        {{ return(audited_up_to(test, node, code) >= newest_built_batch()) }}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}


{% macro audited_up_to(test, node, code) %}
    {% set table = warehouse().tables.get(node.alias, {}) %}
    {% set published = warehouse().views.get(node.config.schema ~ '.' ~ node.alias) %}
    {% set passed = warehouse().passed.get(test.name) %}
    {% if
        flags.WHICH == 'build' and not flags.FULL_REFRESH and published and passed
        and published.code == table.code and published.whole == table.whole
        and passed.code == code and node.alias ~ '=' ~ published.snapshot in passed.snapshots.split(' ')
    %}
        {{ return(published.batch) }}
    {% endif %}
    {{ return(0) }}
{% endmacro %}


{% macro newest_built_batch() %}
    {{ return(warehouse().tables.values() | map(attribute='batch') | map('int') | max) }}
{% endmacro %}


{% macro tables_audited_by(test) %}
    {% if test.attached_node %}
        {{ return(stored_relations(test.attached_node).tables) }}
    {% endif %}
    {{ return(stored_relations_of_all(test.depends_on.nodes).tables) }}
{% endmacro %}
