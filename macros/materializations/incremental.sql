{#-
    Keep a table up to date by the messages it was made from.

    A first build, or `--full-refresh`, replaces the table in one commit. Any other build starts
    from the published rows (`return_to_published`); the pre-hook deletes the rows whose message is
    gone; then the model's rows, only of messages that are new, are added, and the post-hook updates
    what later messages change in older ones. With the strategy `replace` the model's query reads
    the published rows itself, and the table is replaced in one commit.
-#}
{% materialization incremental, adapter='spark', supported_languages=['sql'] %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set is_new = load_cached_relation(this) is none or should_full_refresh() -%}

    {% if not is_new %}
        {% do check_columns(target_relation) %}
    {% endif %}

    {% do note_parents() %}
    {{ run_hooks(pre_hooks) }}

    {% call statement('main') %}
        {%- if is_new or config.get('incremental_strategy') == 'replace' -%}
            {{ create_table_as(False, target_relation, compiled_code) }}
        {%- else -%}
            insert into {{ target_relation }} ({{ model.columns | join(', ') }})
            select {{ model.columns | join(', ') }} from ({{ compiled_code }})
        {%- endif -%}
    {% endcall %}

    {{ run_hooks(post_hooks) }}
    {% do run_query('reset `spark.sql.iceberg.snapshot-property.made-of`') %}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- Refuse to add rows to a table whose columns are not those described: it has to be built anew. -#}
{% macro check_columns(relation) %}
    {% set found = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
    {% if found | sort != model.columns | list | sort %}
        {{ exceptions.raise_compiler_error(
            relation ~ ' has the columns ' ~ found | join(', ') ~ ', and ' ~ model.name ~ ' now has '
            ~ model.columns | join(', ') ~ ': build it anew with `dbt build --full-refresh --select '
            ~ model.name ~ '+`'
        ) }}
    {% endif %}
{% endmacro %}
