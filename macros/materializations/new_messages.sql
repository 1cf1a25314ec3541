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
    {%- set table = table_of(node_of(parent)).relation_name -%}
    {{ in_batches('select batch_id from ' ~ table ~ " with ('start-snapshot-id' = '" ~ since ~ "')") }}
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


{#- A pre-hook: update a column where the parent has another value for a message. -#}
{% macro update_changed(parent, column) %}
    {%- if execute and is_incremental() -%}
        {%- set in_batches = differing_batches(parent, this, column) -%}
        {%- if in_batches != 'false' -%}
            merge into {{ this }} as mine
            using (
                select
                    message_id,
                    parent.{{ column }}
                from (select * from {{ parent }} where {{ in_batches }}) as parent
                inner join (select * from {{ this }} where {{ in_batches }}) as before using (message_id)
                where not parent.{{ column }} <=> before.{{ column }}
            ) as changed
            on mine.message_id = changed.message_id and mine.{{ in_batches }}
            when matched then update set {{ column }} = changed.{{ column }}
        {%- endif -%}
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


{#- A condition: true of the batches of which one relation does not hold just the messages, and the values of a column, that another holds. -#}
{% macro differing_batches(one, other, column='message_id') -%}
    {%- set prints = [] -%}
    {%- for relation in [one, other] -%}
        {%- do prints.append(
            'select batch_id, count(*), bit_xor(xxhash64(message_id, ' ~ column ~ ')) from '
            ~ relation ~ ' group by batch_id'
        ) -%}
    {%- endfor -%}
    {{ in_batches(prints | join(' except ')) }}
{%- endmacro %}


{#- A condition: true of the batches that a query finds. It names them, so that Iceberg passes over the files of all others. -#}
{% macro in_batches(query) -%}
    {%- set batches = run_query('select distinct batch_id from (' ~ query ~ ')').columns[0].values() -%}
    {{ 'batch_id in (' ~ batches | sort | join(', ') ~ ')' if batches else 'false' }}
{%- endmacro %}
