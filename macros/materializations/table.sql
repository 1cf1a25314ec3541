{#-
    Replace an Iceberg table in one commit, so that no reader finds it missing.

    dbt-spark does the same where it knows that the old table is Iceberg. Here it does not: `show
    table extended` says `Provider: hive` of these tables, and so it would drop them first.
-#}
{% materialization table, adapter='spark', supported_languages=['sql'] %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set old_relation = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks) }}

    {% if old_relation is not none and old_relation.is_view %}
        {% do adapter.drop_relation(old_relation) %}
    {% endif %}

    {% call statement('main') %}
        {{ create_table_as(False, target_relation, compiled_code) }}
    {% endcall %}

    {% do persist_docs(target_relation, model) %}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
