{#-
    What an incremental model has to do: add the messages its parent has and it has not, and delete
    those that its parent has no longer (a replay gives a record a new `message_id`).

    Mostly the parent has only grown since the model was made of it: then what is new are the batches
    that it had not then, and nothing is gone. If rows left it, or if it is not known which of its
    snapshots the model was made of, both are compared as they are. So a late, a repeated and a
    replayed batch, and one that failed halfway, all end as a full refresh would.
-#}

{#- A condition on rows of the parent, or of the same messages: true of those to add. -#}
{% macro is_new(parent) -%}
    {%- if not is_incremental() -%}
    true
    {%- else -%}
    {%- set since = kept_since(parent) -%}
    {%- if since -%}
    {{ added_since(table_of(node_of(parent)).relation_name, since) }}
    {%- else -%}
    {{ only_in(parent, this) }}
    {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#- A pre-hook: delete the rows that the parent has no longer. -#}
{% macro delete_gone(parent) %}
    {%- if execute and is_incremental() and not kept_since(parent) -%}
        {%- set gone = only_in(this, parent) -%}
        {%- if gone != 'false' -%}
            delete from {{ this }} where {{ gone }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{#-
    A post-hook: update the counts of messages that arrived again. Only those that count more than one,
    here or there, can differ, and they are few. So the table is to have the property
    `write.merge.mode` 'merge-on-read': it keeps its files, and the rows that changed are in new ones.
-#}
{% macro update_message_counts(parent) %}
    {%- if execute and is_incremental() -%}
        {#- Cached: it is asked twice, and Spark then knows how few it is and joins it without a sort. What
            a killed build left is not taken for it, because the query names its build. -#}
        {%- do run_query(
            'cache table changed as '
            ~ 'select message_id, batch_id, coalesce(theirs.message_count, 1) as message_count, '
            ~ string_literal(invocation_id) ~ ' as build '
            ~ 'from (select * from ' ~ parent ~ ' where message_count > 1) as theirs '
            ~ 'full outer join (select * from ' ~ this ~ ' where message_count > 1) as mine using (message_id, batch_id) '
            ~ 'where not theirs.message_count <=> mine.message_count'
        ) -%}
        {%- set of_batches = in_batches('table changed') -%}
        {%- if of_batches != 'false' -%}
            {%- do run_query(
                'merge into ' ~ this ~ ' as mine using changed '
                ~ 'on mine.message_id = changed.message_id and mine.' ~ of_batches
                ~ ' when matched then update set message_count = changed.message_count'
            ) -%}
        {%- endif -%}
        {%- do run_query('drop view changed') -%}
    {%- endif -%}
{% endmacro %}


{#- A condition: true of the messages that one relation has and another has not. -#}
{% macro only_in(one, other) -%}
    {%- set in_batches = differing_batches(one, other) -%}
    {{ in_batches }}
    {%- if in_batches != 'false' %}
    and message_id in (
        select message_id
        from (select message_id from {{ one }} where {{ in_batches }})
        left anti join (select message_id from {{ other }} where {{ in_batches }}) using (message_id)
    )
    {%- endif -%}
{%- endmacro %}


{#- A condition: true of the batches of which one relation does not hold just the messages that another holds. -#}
{% macro differing_batches(one, other) -%}
    {%- set batches, prints = [], prints_of(other) -%}
    {%- for batch, print in prints_of(one).items() if prints.get(batch) != print -%}
        {%- do batches.append(batch) -%}
    {%- endfor -%}
    {{ one_of(batches) }}
{%- endmacro %}


{#- By batch, how many messages a relation holds of it, and which. The model's query and its hook ask the same. -#}
{% macro prints_of(relation) %}
    {% set answers = graph.nodes[model.unique_id].setdefault('prints', {}) %}
    {% if relation | string not in answers %}
        {% set prints = {} %}
        {% for batch, count, print in run_query(
            'select batch_id, count(*), bit_xor(message_id) from ' ~ relation ~ ' group by batch_id'
        ).rows %}
            {% do prints.update({batch: [count, print]}) %}
        {% endfor %}
        {% do answers.update({relation | string: prints}) %}
    {% endif %}
    {{ return(answers[relation | string]) }}
{% endmacro %}


{#- A condition: true of the batches whose rows were added to a table after a snapshot. -#}
{% macro added_since(table, snapshot) -%}
    {{ in_batches('select batch_id from ' ~ table ~ " with ('start-snapshot-id' = '" ~ snapshot ~ "')") }}
{%- endmacro %}


{#- A condition: true of the batches that a query finds. -#}
{% macro in_batches(query) -%}
    {{ one_of(run_query('select distinct batch_id from (' ~ query ~ ')').columns[0].values()) }}
{%- endmacro %}


{#- A condition: true of some batches. It names them, so that Iceberg passes over the files of all others. -#}
{% macro one_of(batches) -%}
    {{ 'batch_id in (' ~ batches | sort | join(', ') ~ ')' if batches else 'false' }}
{%- endmacro %}
