{% materialization table, adapter='spark', supported_languages=['sql'] %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {% do renew_lock() %}
    {%- set plan = plan_build(compiled_code) -%}

    {{ run_hooks(pre_hooks) }}
    {% do replace_table(target_relation, plan, sql_of_build(compiled_code, plan)) %}
    {{ run_hooks(post_hooks) }}
    {% do mark_as_built(plan) %}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


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
