{#-
    What is known of the tests: on which snapshots each one passed when it last ran. One that warned
    audits a table as one that passed, and is run again by each build: it has no code.
-#}

{#- Record which tests passed on what, and drop the failing rows of earlier runs of these tests. -#}
{% macro record_tests(results) %}
    {% set passed, ran = warehouse().passed, [] %}
    {% set before = passed | dictsort | string %}
    {% for result in results if result.node.resource_type == 'test' and result.status not in ('skipped', 'error') %}
        {% set test = graph.nodes[result.node.unique_id] %}
        {% do ran.append(string_literal(test.name)) %}
        {% do passed.pop(test.name, none) %}
        {% if result.status in ('pass', 'warn') %}
            {% do passed.update({test.name: {
                'code': warehouse().tests.get(test.name) if result.status == 'pass' else 'warned',
                'definition': test_definition(test),
                'snapshots': snapshots_read_by(test),
            }}) %}
        {% endif %}
    {% endfor %}
    {% if passed and passed | dictsort | string != before %}
        {% do run_query(
            'create or replace table ' ~ audit_schema() ~ '.passed_tests using iceberg as '
            ~ 'select * from values ' ~ passed_test_rows(passed) ~ ' as passed (test_name, code, definition, snapshots)'
        ) %}
    {% endif %}
    {% if ran %}
        {% do run_query(
            'delete from ' ~ failures_table() ~ ' where test_name in (' ~ ran | join(', ') ~ ') and invocation != '
            ~ string_literal(invocation_id[:8])
        ) %}
    {% endif %}
{% endmacro %}


{#- What passed, as rows of SQL. -#}
{% macro passed_test_rows(passed) %}
    {% set rows = [] %}
    {% for name, what in passed | dictsort %}
        {% do rows.append(
            '(' ~ string_literal(name) ~ ', ' ~ string_literal(what.code) ~ ', ' ~ string_literal(what.definition)
            ~ ', ' ~ string_literal(what.snapshots) ~ ')'
        ) %}
    {% endfor %}
    {{ return(rows | join(', ')) }}
{% endmacro %}


{#- Whether a test passed on the snapshots that are there now. One that reads a source is always run again. -#}
{% macro has_passed(test, code) %}
    {% set passed = warehouse().passed.get(test.name) %}
    {{ return(
        passed and passed.code == code and passed.definition == test_definition(test)
        and not stored_under_all(test.depends_on.nodes).sources and passed.snapshots == snapshots_read_by(test)
    ) }}
{% endmacro %}


{#- The snapshots that a test reads now, as `table=snapshot` words. -#}
{% macro snapshots_read_by(test) %}
    {% set words = [] %}
    {% for node in stored_under_all(test.depends_on.nodes).tables %}
        {% do words.append(node.alias ~ '=' ~ warehouse().tables.get(node.alias, {}).get('snapshot')) %}
    {% endfor %}
    {{ return(words | sort | join(' ')) }}
{% endmacro %}


{#- A hash of a test as it is written. -#}
{% macro test_definition(test) %}
    {{ return(local_md5(test.raw_code ~ test.get('test_metadata', {}).get('kwargs', {}))[:12]) }}
{% endmacro %}
