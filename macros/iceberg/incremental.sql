{#-
    Keep a table up to date by batch: delete the rows that the new ones replace, insert the new ones.

    The model says which its new rows are (`batch_id > {{ last_batch() }}`), its `unique_key`, and in
    `meta` as `changed_in` the `model` whose rows with a newer `batch` name the keys to replace. Readers see neither commit: their
    views read an older snapshot. The first commit carries no record, so a build that died between the
    two is noticed and rolled back by the next one. Where batch and code are the same nothing is done;
    where the code differs the table is replaced whole, in one commit.
-#}
{% materialization incremental, adapter='spark', supported_languages=['sql'] %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {% do keep_lock() %}
    {%- set plan = plan_build(compiled_code) -%}
    {%- set sql = planned_sql(compiled_code, plan) -%}

    {{ run_hooks(pre_hooks) }}
    {% if plan.action != 'increment' %}
        {% do replace_table(target_relation, plan, sql) %}
    {% else %}
        {% call statement('delete') %}
            delete from {{ target_relation }}
            where {{ config.require('unique_key') }} in ({{ changed_keys(plan) }})
        {% endcall %}
        {% do record_in_snapshots(plan.record) %}
        {% call statement('main') %}
            insert into {{ target_relation }} ({{ model.columns | join(', ') }})
            select {{ model.columns | join(', ') }} from ({{ sql }})
        {% endcall %}
    {% endif %}
    {{ run_hooks(post_hooks) }}
    {% do note_built(plan) %}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- The keys of the rows that an increment replaces, as a query. -#}
{% macro changed_keys(plan) -%}
    {%- set changed = model.config.meta.changed_in -%}
    select {{ config.get('unique_key') }}
    from {{ graph.nodes['model.' ~ project_name ~ '.' ~ changed.model].relation_name }}
    where {{ changed.batch }} > {{ plan.since }} and {{ changed.batch }} <= {{ plan.record.batch }}
{%- endmacro %}
