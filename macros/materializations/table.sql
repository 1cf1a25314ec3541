{#-
    Replace an Iceberg table in one commit, which keeps the tags of its earlier snapshots.

    dbt-spark does the same where it knows that the old table is Iceberg. Here it does not: `show
    table extended` says `Provider: hive` of these tables, and so it would drop them first, and with
    them what readers see. Descriptions are written where readers find them, see `publish`.
-#}
{% materialization table, adapter='spark', supported_languages=['sql'] %}
    {%- set target_relation = this.incorporate(type='table') -%}

    {{ run_hooks(pre_hooks) }}

    {% call statement('main') %}
        {{ create_table_as(False, target_relation, compiled_code) }}
    {% endcall %}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
