{#-
    What an incremental model has to do: add the messages its parent has and it has not, and delete
    those that its parent has no longer (a replay gives a record a new `message_id`). Both compare
    what there is, so a late, a repeated and a replayed batch, and one that failed halfway, all end
    as a full refresh would.

    `keys` are the columns that tell one version of a row from another.
-#}

{#- A condition on the parent's rows: true of those to add. -#}
{% macro is_new(parent, keys=['message_id']) -%}
    {%- if not is_incremental() -%}
    true
    {%- else -%}
    {%- set batches = run_query(
        'select distinct batch_id from ' ~ parent ~ ' left anti join ' ~ this
        ~ ' using (' ~ keys | join(', ') ~ ')'
    ).columns[0].values() -%}
    {#- The batches are for Iceberg, which passes over the files of all others. -#}
    batch_id in ({{ batches | sort | join(', ') or 'null' }})
    and message_id in (
        select parent.message_id
        from {{ parent }} as parent
        left anti join {{ this }} using ({{ keys | join(', ') }})
    )
    {%- endif -%}
{%- endmacro %}


{#- A pre-hook: delete the rows that the parent has no longer. -#}
{% macro delete_gone(parent, keys=['message_id']) %}
    {%- if execute and is_incremental() -%}
        {%- set gone = run_query(
            'select 1 from ' ~ this ~ ' left anti join ' ~ parent ~ ' using ('
            ~ keys | join(', ') ~ ') limit 1'
        ).rows -%}
        {%- if gone | length -%}
            delete from {{ this }} as mine
            where not exists (
                select 1
                from {{ parent }} as parent
                where
                {%- for key in keys %}
                    parent.{{ key }} = mine.{{ key }}{{ ' and' if not loop.last }}
                {%- endfor %}
            )
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
