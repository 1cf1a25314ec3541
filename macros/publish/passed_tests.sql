{% macro record_tests(results) %}
    {% set passed, ran = warehouse().passed, [] %}
    {% set before = passed | dictsort | string %}
    {% for result in results if result.node.resource_type == 'test' and result.status not in ('skipped', 'error') %}
        {% set test = graph.nodes[result.node.unique_id] %}
        {% do ran.append(string_literal(test.name)) %}
        {% do passed.pop(test.name, none) %}
        {% if result.status in ('pass', 'warn') %}
            {% do passed.update({test.name: {
                'code': warehouse().tests.get(test.name) if result.status == 'pass' else '',
                'definition': test_definition(test),
                'snapshots': snapshots_read_by(test),
            }}) %}
        {% endif %}
    {% endfor %}
    {% if passed and passed | dictsort | string != before %}
        {% do write_passed_tests(passed) %}
    {% endif %}
    {% if ran %}
        {% do run_query(
            'delete from ' ~ failures_table() ~ ' where test_name in (' ~ ran | join(', ') ~ ') and invocation != '
            ~ string_literal(invocation_id[:8])
        ) %}
    {% endif %}
{% endmacro %}


{% macro read_passed_tests() %}
    {% set passed = {} %}
    {% for row in run_query('select test_name, code, definition, snapshots from ' ~ audit_schema() ~ '.passed_tests').rows %}
        {% do passed.update({row[0]: {'code': row[1], 'definition': row[2], 'snapshots': row[3]}}) %}
    {% endfor %}
    {{ return(passed) }}
{% endmacro %}


{% macro write_passed_tests(passed) %}
    {% set rows = [] %}
    {% for name, what in passed | dictsort %}
        {% do rows.append(
            '(' ~ string_literal(name) ~ ', ' ~ string_literal(what.code) ~ ', ' ~ string_literal(what.definition)
            ~ ', ' ~ string_literal(what.snapshots) ~ ')'
        ) %}
    {% endfor %}
    {% do run_query(
        'create or replace table ' ~ audit_schema() ~ '.passed_tests using iceberg as '
        ~ 'select * from values ' ~ rows | join(', ') ~ ' as passed (test_name, code, definition, snapshots)'
    ) %}
{% endmacro %}


{% macro has_passed(test, code) %}
    {% set passed = warehouse().passed.get(test.name) %}
    {{ return(
        passed and passed.code == code and passed.definition == test_definition(test)
        and not stored_relations_of_all(test.depends_on.nodes).sources and passed.snapshots == snapshots_read_by(test)
    ) }}
{% endmacro %}


{% macro snapshots_read_by(test) %}
    {% set words = [] %}
    {% for node in stored_relations_of_all(test.depends_on.nodes).tables %}
        {% do words.append(node.alias ~ '=' ~ warehouse().tables.get(node.alias, {}).get('snapshot')) %}
    {% endfor %}
    {{ return(words | sort | join(' ')) }}
{% endmacro %}


{% macro test_definition(test) %}
    {{ return(local_md5(test.raw_code ~ test.get('test_metadata', {}).get('kwargs', {}))[:12]) }}
{% endmacro %}
