{#-
    Replace an Iceberg table in one commit, or leave it alone if its batch and code are the same.

    dbt-spark takes these tables for Hive tables and drops them before it creates them
    (dbt-labs/dbt-adapters#1431); with them would go the snapshots that readers see. This
    materialization can go when dbt-spark replaces them in one commit.
-#}
{% materialization table, adapter='spark', supported_languages=['sql'] %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {% do keep_lock() %}
    {%- set plan = plan_build(compiled_code) -%}

    {{ run_hooks(pre_hooks) }}
    {% do replace_table(target_relation, plan, planned_sql(compiled_code, plan)) %}
    {{ run_hooks(post_hooks) }}
    {% do note_built(plan) %}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- Replace the table of the current model, or leave it alone if nothing is to be done. -#}
{% macro replace_table(relation, plan, sql) %}
    {% if plan.action == 'none' %}
        {% do store_raw_result(name='main', message='unchanged', code='unchanged', rows_affected=0) %}
    {% else %}
        {% do record_in_snapshots(plan.record) %}
        {% call statement('main') %}
            {{ create_table_as(False, relation, sql) }}
        {% endcall %}
    {% endif %}
{% endmacro %}
