{#-
    What Iceberg's snapshots tell: of which ones of its parents a model is made, and what was done to
    a table since.
-#}

{#-
    Have the snapshots that this session makes tell which ones of its parents a model is made of. Not
    of the raw table, to which ingest adds while we look.
-#}
{% macro note_parents() %}
    {% set ids, notes = [], {} %}
    {% for id in model.depends_on.nodes if table_of(graph.nodes[id]).config.materialized == 'incremental' %}
        {% do ids.append(table_of(graph.nodes[id]).unique_id) %}
    {% endfor %}
    {% for id, found in refs_of(ids).items() %}
        {% do notes.update({graph.nodes[id].name: found.main}) %}
    {% endfor %}
    {% do run_query('set `spark.sql.iceberg.snapshot-property.made-of` = ' ~ tojson(notes)) %}
{% endmacro %}


{#-
    The snapshot of a parent (of its table, if it is a view) that this model is made of; none if the
    table has not kept all rows that it had then, or if its snapshots do not tell.
-#}
{% macro kept_since(parent) %}
    {% set node = table_of(node_of(parent)) %}
    {% if node.config.materialized != 'incremental' %}
        {{ return(none) }}
    {% endif %}
    {#- The model's query and its hook ask the same. -#}
    {% set answers = graph.nodes[model.unique_id].setdefault('kept_since', {}) %}
    {% if node.name not in answers %}
        {% set histories = histories_of([this | string, node.relation_name]) %}
        {% set note = (histories[this | string].line | first).made_of %}
        {% do answers.update({
            node.name: kept(histories[node.relation_name], fromjson(note or '{}').get(node.name))
        }) %}
    {% endif %}
    {{ return(answers[node.name]) }}
{% endmacro %}


{#- A snapshot's id, if it led to what a table is and the table has kept all rows of it; else none. -#}
{% macro kept(history, snapshot) %}
    {% for row in history.line %}
        {% if row.snapshot_id == snapshot %}
            {{ return(snapshot) }}
        {% elif row.deleted_records not in ('0', row.added_records) %}
            {{ return(none) }}
        {% endif %}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}


{#-
    By table's name: its `refs`, each with its snapshot's id, and the `line` of snapshots that led to what it
    is, the newest first. What a failed build left aside is not among them.
-#}
{% macro histories_of(tables) %}
    {% set histories, queries = {}, [] %}
    {% for table in tables %}
        {% do histories.update({table: {'refs': {}, 'snapshots': {}, 'line': []}}) %}
        {% do queries.append(
            "select '" ~ table ~ "' as of_table, cast(snapshot_id as string) as snapshot_id, cast(parent_id as string) as parent_id, "
            ~ "coalesce(summary['added-records'], '0') as added_records, "
            ~ "coalesce(summary['deleted-records'], '0') as deleted_records, "
            ~ "summary['made-of'] as made_of, '' as ref from " ~ table ~ '.snapshots union all '
            ~ "select '" ~ table ~ "', cast(snapshot_id as string), '', '', '', '', name from " ~ table ~ '.refs'
        ) %}
    {% endfor %}
    {% for row in run_query(queries | join(' union all ')).rows %}
        {% set history = histories[row.of_table] %}
        {% do history.refs.update({row.ref: row.snapshot_id}) if row.ref else history.snapshots.update({row.snapshot_id: row}) %}
    {% endfor %}
    {% for history in histories.values() %}
        {% do history.line.append(history.snapshots[history.refs.main]) %}
        {#- A list that grows while it is read. -#}
        {% for row in history.line if row.parent_id in history.snapshots %}
            {% do history.line.append(history.snapshots[row.parent_id]) %}
        {% endfor %}
    {% endfor %}
    {{ return(histories) }}
{% endmacro %}


{#- The same of one node's table, which is not changed any more: several tests ask. -#}
{% macro history_of(node) %}
    {% if not node.history %}
        {% do node.update({'history': histories_of([node.relation_name])[node.relation_name]}) %}
    {% endif %}
    {{ return(node.history) }}
{% endmacro %}


{#- The model or seed that makes a relation; none if it is a source. -#}
{% macro node_of(relation) %}
    {% for node in graph.nodes.values() if node.resource_type in ('model', 'seed') and node.alias == relation.identifier %}
        {{ return(node) }}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}


{#- The node itself; or, if it is a view of another's table, that one. -#}
{% macro table_of(node) %}
    {% set parent = node.depends_on.nodes | first %}
    {{ return(graph.nodes[parent] if node.config.materialized == 'view' and parent in graph.nodes else node) }}
{% endmacro %}
