{#-
    What a test looks at, and what is known of it. A test that passed is recorded with its SQL and the
    snapshots that it read. `dbt build` does not repeat it on the same; where a table only had batches
    added since the published snapshot, on which the test passed, it looks at those. `dbt test` and
    `--full-refresh` look at everything.
-#}

{#- The batch up to which the rows of an incremental table are audited: 0 in `dbt test`. For `batch_id > …`. -#}
{% macro audited_batch(relation) -%}
    (0 /* audited batch of {{ relation.identifier }} */)
{%- endmacro %}


{#- A condition: true of the rows of a model that a test has to look at. -#}
{% macro audit_filter(relation) -%}
    {%- set node = node_of(relation) if execute -%}
    {%- if node and stored_under(node.unique_id).tables | map(attribute='config.materialized') | list == ['incremental'] -%}
    {{ 'latest_batch_id' if 'latest_batch_id' in node.columns else 'batch_id' }} > {{ audited_batch(api.Relation.create(
        schema=audit_schema(), identifier=stored_under(node.unique_id).tables[0].alias
    )) }}
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{#- The model of a relation; none if it is a source. -#}
{% macro node_of(relation) %}
    {{ return(graph.nodes.values() | selectattr('resource_type', 'eq', 'model')
        | selectattr('alias', 'eq', relation.identifier) | first) }}
{% endmacro %}


{#- Run a data test in one statement, if it did not pass on the same before, and keep the rows that fail it. -#}
{% materialization test, adapter='spark' %}
    {% do keep_lock() %}
    {% set code = local_md5(sql)[:12] %}
    {% do warehouse().tests.update({model.name: code}) %}
    {% set is_known = flags.WHICH == 'build' and not flags.FULL_REFRESH and (
        has_passed(model, code) or looks_at_nothing(model, sql, code)
    ) %}
    {% if is_known %}
        {% do store_raw_result('main', message='unchanged', code='unchanged', rows_affected=0, agate_table=warehouse().nothing_failed) %}
    {% else %}
        {% set failing = get_limit_subquery_sql(planned_test_sql(model, sql, code), config.get('limit')) %}
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


{#- The SQL of a test with the batches that this invocation need not look at. -#}
{% macro planned_test_sql(test, sql, code) %}
    {% set planned = namespace(sql=sql | replace(newest_batch(), newest_built_batch() | string)) %}
    {% for node in stored_under_all(test.depends_on.nodes).tables if node.config.materialized == 'incremental' %}
        {% set marker = audited_batch(api.Relation.create(schema=audit_schema(), identifier=node.alias)) %}
        {% set planned.sql = planned.sql | replace(marker, audited_up_to(test, node, code) | string) %}
    {% endfor %}
    {{ return(planned.sql) }}
{% endmacro %}


{#- Whether a test of raw batches has none to look at: all that were built are audited. -#}
{% macro looks_at_nothing(test, sql, code) %}
    {% for node in stored_under_all(test.depends_on.nodes).tables if newest_batch() in sql %}
        {{ return(audited_up_to(test, node, code) >= newest_built_batch()) }}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}


{#- The batch of the published snapshot, if the test passed on it and the table only had batches added since; else 0. -#}
{% macro audited_up_to(test, node, code) %}
    {% set table = warehouse().tables.get(node.alias, {}) %}
    {% set published = warehouse().views.get(node.config.schema ~ '.' ~ node.alias) %}
    {% set passed = warehouse().passed.get(test.name) %}
    {% if
        flags.WHICH == 'build' and not flags.FULL_REFRESH and published and passed
        and published.code == table.code and published.whole == table.whole
        and passed.code == code and node.alias ~ '=' ~ published.snapshot in passed.snapshots.split(' ')
    %}
        {{ return(published.batch) }}
    {% endif %}
    {{ return(0) }}
{% endmacro %}


{#- The batch up to which the whole warehouse is built: that of the tables which read the raw table. -#}
{% macro newest_built_batch() %}
    {{ return(warehouse().tables.values() | map(attribute='batch') | map('int') | max) }}
{% endmacro %}


{#- The tables that a test audits: those it is attached to, through views; of a singular test all that it names. -#}
{% macro tables_audited_by(test) %}
    {% if test.attached_node %}
        {{ return(stored_under(test.attached_node).tables) }}
    {% endif %}
    {{ return(stored_under_all(test.depends_on.nodes).tables) }}
{% endmacro %}


{#- Where tests keep the rows that fail them. -#}
{% macro failures_table() -%}
    {{ audit_schema() }}.test_failures
{%- endmacro %}
