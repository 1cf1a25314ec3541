{% materialization test, adapter='spark' %}
    {% do renew_lock() %}
    {% set code = local_md5(sql)[:12] %}
    {% do warehouse().tests.update({model.name: code}) %}
    {% set is_known = flags.WHICH == 'build' and not flags.FULL_REFRESH and (
        has_passed(model, code) or has_no_new_batches(model, sql, code)
    ) %}
    {% if is_known %}
        {% do store_raw_result('main', message='unchanged', code='unchanged', rows_affected=0, agate_table=passing_result()) %}
    {% else %}
        {% set failing = get_limit_subquery_sql(sql_of_test(model, sql, code), config.get('limit')) %}
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
                    to_json(struct(*), map('ignoreNullFields', 'false')),
                    {{ string_literal(invocation_id[:8]) }}
                from ({{ failing }})
            {% endcall %}
        {% endif %}
    {% endif %}

    {{ return({'relations': []}) }}
{% endmaterialization %}


{% macro failures_table() -%}
    {{ audit_schema() }}.test_failures
{%- endmacro %}


{% macro create_failures_table() %}
    {% if failures_table().split('.')[1] not in warehouse().tables %}
        {% do run_query(
            'create table if not exists ' ~ failures_table()
            ~ ' (test_name string, model_name string, description string, severity string, failing_row string, invocation string)'
            ~ " using iceberg comment 'Rows that failed a test when it last ran. One row per test and failing row.'"
        ) %}
    {% endif %}
{% endmacro %}


{% macro passing_result() %}
    {% if 'passing_result' not in warehouse() %}
        {% do warehouse().update({
            'passing_result': run_query('select 0 as failures, false as should_warn, false as should_error')
        }) %}
    {% endif %}
    {{ return(warehouse().passing_result) }}
{% endmacro %}
