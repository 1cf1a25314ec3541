{#-
    What has to be done to a table. Its content follows from its code (the compiled SQL, the columns,
    and the code of all that it reads) and from the raw batches up to one; each snapshot records both.

    The compiled SQL is always that of a full build. It names two numbers by the macros below, and the
    materialization puts in the ones of this build. So `dbt compile`, `dbt show` and the unit tests
    need no warehouse, and the code of a table is the same however it was built.
-#}

{#- The last batch of which the table has rows: 0 in a full build. -#}
{% macro last_batch() -%}
    (0 /* last batch */)
{%- endmacro %}


{#- The newest batch that this build reads; what ingest commits meanwhile is for the next one. -#}
{% macro newest_batch() -%}
    (9223372036854775807 /* newest batch */)
{%- endmacro %}


{#-
    Decide what to do to the table of the current model.

    Returns a dict:
        action: `none` if batch and code are those of the table; `whole` if the code differs, the
            table is not there, `--full-refresh` is given, or it is no incremental model; otherwise
            `increment`.
        since: the batch that the table has.
        record: what the new snapshot says of itself.
-#}
{% macro plan_build(compiled) %}
    {% set table = warehouse().tables.get(model.alias, {}) %}
    {% set record = {'batch': 0, 'parents': {}, 'whole': table.whole, 'code': code_of_model(compiled)} %}
    {% set under = stored_under_all(model.depends_on.nodes) %}
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


{#- A hash of what decides what a relation holds: its SQL, its columns, and the same of what it reads. -#}
{% macro code_of_model(compiled) %}
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


{#- How far the raw table is: the newest batch of a source, or of a view of one. -#}
{% macro newest_batch_in(id) %}
    {% set relation = (graph.nodes.get(id) or graph.sources[id]).relation_name %}
    {{ return(run_query('select coalesce(max(batch_id), 0) from ' ~ relation).rows[0][0] | int) }}
{% endmacro %}


{#- The SQL of this build: the compiled SQL with the numbers of a plan. -#}
{% macro planned_sql(compiled, plan) %}
    {% set since = plan.since if plan.action == 'increment' else 0 %}
    {{ return(
        compiled | replace(last_batch(), since | string) | replace(newest_batch(), plan.record.batch | string)
    ) }}
{% endmacro %}


{#- Have the snapshots that this session commits from now on carry a record. dbt ends it with the node. -#}
{% macro record_in_snapshots(record) %}
    {% do run_query('set `spark.sql.iceberg.snapshot-property.assay.build` = ' ~ format_record(record)) %}
{% endmacro %}


{#- Remember that a table was made by this invocation, or found as it should be. -#}
{% macro note_built(plan) %}
    {% set table = warehouse().tables.setdefault(model.alias, {}) %}
    {% do table.update(plan.record) %}
    {% if plan.action != 'none' %}
        {% do table.update({'snapshot': 'of this invocation'}) %}
    {% endif %}
{% endmacro %}
