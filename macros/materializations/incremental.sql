{#-
    Keep a table up to date by the messages it was made from.

    A first build, or `--full-refresh`, replaces the table in one commit. Any other build starts from
    the published rows, so that what a failed build left is not built upon; the pre-hook deletes the
    rows whose message is gone; then the model's rows, only of messages that are new, are added.
-#}
{% materialization incremental, adapter='spark', supported_languages=['sql'] %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set is_new = load_cached_relation(this) is none or should_full_refresh() -%}

    {% if not is_new %}
        {% do check_columns(target_relation) %}
        {% do return_to_published(target_relation) %}
    {% endif %}

    {{ run_hooks(pre_hooks) }}

    {% call statement('main') %}
        {%- if is_new -%}
            {{ create_table_as(False, target_relation, compiled_code) }}
        {%- else -%}
            insert into {{ target_relation }} ({{ model.columns | join(', ') }})
            select {{ model.columns | join(', ') }} from ({{ compiled_code }})
        {%- endif -%}
    {% endcall %}

    {{ run_hooks(post_hooks) }}

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


{#- Set an Iceberg table back to the rows that readers see, if it has others. -#}
{% macro return_to_published(relation) %}
    {% set refs = run_query('select name, snapshot_id from ' ~ relation ~ '.refs').rows %}
    {% set published = refs | selectattr(0, 'ne', 'main') | map(attribute=1) | list %}
    {% set current = refs | selectattr(0, 'eq', 'main') | map(attribute=1) | list %}
    {% if published and published != current %}
        {% do run_query(
            "call spark_catalog.system.set_current_snapshot('" ~ relation.schema ~ '.'
            ~ relation.identifier ~ "', " ~ published[0] ~ 'L)'
        ) %}
    {% endif %}
{% endmacro %}
