{#-
    The compiled SQL is always that of a full build; the materialization puts in the numbers of the
    batches. So `dbt compile`, `dbt show` and the unit tests need no warehouse, and the code of a table
    is the same however it was built.
-#}
{% macro last_batch() -%}
    (0 /* last batch */)
{%- endmacro %}


{% macro newest_batch() -%}
    (9223372036854775807 /* newest batch */)
{%- endmacro %}


{% macro plan_build(compiled) %}
    {% set table = warehouse().tables.get(model.alias, {}) %}
    {% set record = {'batch': 0, 'parents': {}, 'whole': table.whole, 'code': code_hash(compiled)} %}
    {% set under = stored_relations_of_all(model.depends_on.nodes) %}
    {% for parent in under.tables %}
        {% set state = warehouse().tables[parent.alias] %}
        {% do record.parents.update({parent.alias: state.code ~ '@' ~ state.batch}) %}
        {% do record.update({'batch': [record.batch, state.batch] | max}) %}
    {% endfor %}
    {% if under.tables %}
        {% for source in under.sources %}
            {% set name = source.schema ~ '.' ~ source.identifier %}
            {% do record.parents.update({name: warehouse().sources.get(name)}) %}
        {% endfor %}
    {% elif under.sources %}
        {% do record.update({'batch': newest_batch_in(model.depends_on.nodes | first)}) %}
    {% endif %}

    {% set is_same_code = table.code == record.code and not should_full_refresh() %}
    {% if is_same_code and table.batch == record.batch and table.parents == record.parents %}
        {% set action = 'none' %}
    {% elif is_same_code and config.get('materialized') == 'incremental' and table.batch <= record.batch %}
        {% set action = 'increment' %}
    {% else %}
        {% set action = 'whole' %}
        {% do record.update({'whole': invocation_id[:8]}) %}
        {% if table.code and table.code != record.code and config.get('materialized') == 'incremental' %}
            {{ log(model.name ~ ' is built whole: its code has changed, or that of a model it reads', info=true) }}
        {% endif %}
    {% endif %}
    {{ return({'action': action, 'since': table.batch, 'record': record}) }}
{% endmacro %}


{% macro code_hash(compiled) %}
    {% set parts = [compiled] %}
    {% for column in model.columns.values() %}
        {% do parts.append(column.name ~ ' ' ~ column.data_type) %}
    {% endfor %}
    {% for id in model.depends_on.nodes if id in graph.nodes %}
        {% set parent = graph.nodes[id] %}
        {% set state = warehouse().tables.get(parent.alias) if parent.config.materialized != 'view'
            else warehouse().views.get(parent.schema ~ '.' ~ parent.alias) %}
        {% do parts.append(parent.name ~ ' ' ~ (state.code if state else 'missing')) %}
    {% endfor %}
    {{ return(local_md5(parts | join('\n'))[:12]) }}
{% endmacro %}


{% macro newest_batch_in(id) %}
    {% set relation = (graph.nodes.get(id) or graph.sources[id]).relation_name %}
    {{ return(run_query('select coalesce(max(batch_id), 0) from ' ~ relation).rows[0][0] | int) }}
{% endmacro %}


{% macro sql_of_build(compiled, plan) %}
    {% set since = plan.since if plan.action == 'increment' else 0 %}
    {{ return(
        compiled | replace(last_batch(), since | string) | replace(newest_batch(), plan.record.batch | string)
    ) }}
{% endmacro %}


{% macro mark_as_built(plan) %}
    {% set table = warehouse().tables.setdefault(model.alias, {}) %}
    {% do table.update(plan.record) %}
    {% if plan.action != 'none' %}
        {% do table.update({'snapshot': none, 'was_built': true}) %}
    {% endif %}
{% endmacro %}
