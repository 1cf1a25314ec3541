{#-
    Replace a seed in one commit. dbt-spark drops it, creates it and inserts the rows, and a reader
    can come in between. For small reference data: all rows are in the statement.
-#}
{% materialization seed, adapter='spark' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set rows = load_agate_table() -%}
    {%- do store_result('agate_table', response='OK', agate_table=rows) -%}

    {{ run_hooks(pre_hooks) }}

    {% call statement('main') %}
        {{ create_table_as(False, target_relation, seed_select(rows)) }}
    {% endcall %}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- A query that returns a seed's rows, with the types of its `column_types`, else the guessed ones. -#}
{% macro seed_select(rows) -%}
    {%- set types = model.config.get('column_types', {}) -%}
    select
        {%- for name in rows.column_names %}
        cast({{ name }} as {{ types.get(name, adapter.convert_type(rows, loop.index0)) }}) as {{ name }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from values
        {%- for row in rows.rows %}
        (
            {%- for cell in row -%}
            {{ 'null' if cell is none else string_literal(cell) }}{{ ', ' if not loop.last }}
            {%- endfor -%}
        ){{ ',' if not loop.last }}
        {%- endfor %}
        as rows ({{ rows.column_names | join(', ') }})
{%- endmacro %}
