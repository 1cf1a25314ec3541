{#-
    The deleting commit carries no record of a build, so that the next build notices one that died
    between the two commits, and rolls it back. Readers see neither commit: their views read an older
    snapshot.
-#}
{% materialization incremental, adapter='spark', supported_languages=['sql'] %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {% do renew_lock() %}
    {%- set plan = plan_build(compiled_code) -%}
    {%- set sql = sql_of_build(compiled_code, plan) -%}

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
    {% do mark_as_built(plan) %}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{% macro changed_keys(plan) -%}
    {%- set changed = model.config.meta.changed_in -%}
    select {{ config.get('unique_key') }}
    from {{ graph.nodes['model.' ~ project_name ~ '.' ~ changed.model].relation_name }}
    where {{ changed.batch }} > {{ plan.since }} and {{ changed.batch }} <= {{ plan.record.batch }}
{%- endmacro %}
