{#- Where tests keep the rows that fail them. -#}
{% macro failures_table() -%}
    {{ audit_schema() }}.failures
{%- endmacro %}


{#- Begin an account of failures anew, at the start of a build or of tests. -#}
{% macro forget_failures() %}
    {% if execute and flags.WHICH in ('build', 'test') %}
        {% do run_query('create schema if not exists ' ~ audit_schema()) %}
        {% do run_query(
            'create or replace table ' ~ failures_table()
            ~ ' (test_name string, model_name string, description string, severity string, failing_row string)'
            ~ " using iceberg comment 'Rows that failed the tests of the last build. One row per test and failing row.'"
        ) %}
    {% endif %}
{% endmacro %}


{#-
    Run a data test in one statement, and keep what fails it. dbt's own creates a table for every
    test, failing or not, which takes longer than most tests.
-#}
{% materialization test, adapter='spark' %}
    {% set failing = get_limit_subquery_sql(sql, config.get('limit')) %}

    {% call statement('main', fetch_result=True) %}
        {{ get_test_sql(failing, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none) }}
    {% endcall %}

    {% if should_store_failures() and load_result('main').table.rows[0][0] %}
        {% call statement('failures') %}
            insert into {{ failures_table() }}
            select
                {{ string_literal(model.name) }},
                {{ string_literal((model.attached_node or model.file_key_name or '').split('.')[-1]) }},
                {{ string_literal(model.description) }},
                {{ string_literal(config.get('severity') | lower) }},
                to_json(struct(*), map('ignoreNullFields', 'false'))
            from ({{ failing }})
        {% endcall %}
    {% endif %}

    {{ return({'relations': []}) }}
{% endmaterialization %}
