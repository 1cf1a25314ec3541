{#-
    Show readers what a build made, if all of it is sound: the last step of write, audit, publish.

    Readers query views. A view reads the snapshot of its table that a tag holds, so publishing a
    table is moving its tag, one atomic commit. The tag is named by the table's description: where
    that has changed, a new tag is made and then the view is replaced, and so no reader ever sees the
    rows of one description under another.
-#}
{% macro publish(results) %}
    {% if not execute or flags.WHICH != 'build' %}
        {{ return('') }}
    {% endif %}
    {% set unsound = results | selectattr('status', 'in', ['error', 'fail', 'skipped', 'runtime error', 'partial success']) | list %}
    {% set done = results | map(attribute='node.unique_id') | list %}
    {% set undone = selected_resources | reject('in', done) | reject('in', graph.exposures) | list %}
    {#- A build without its tests is no audit. -#}
    {% for node in graph.nodes.values() if node.attached_node in done and node.unique_id not in done %}
        {% do undone.append(node.unique_id) %}
    {% endfor %}
    {% if unsound or undone %}
        {{ log('Nothing was published, readers see what they saw before: ' ~ unsound | length ~ ' failed or were skipped, ' ~ undone | length ~ ' did not run. Why: select * from operations.audit_failures', info=true) }}
        {{ return('') }}
    {% endif %}

    {% set tables = results | map(attribute='node') | selectattr('resource_type', 'in', ['model', 'seed'])
        | selectattr('config.materialized', 'in', ['table', 'incremental', 'seed']) | list %}
    {% set refs = refs_of(tables | map(attribute='unique_id') | list + tables_read_by(tables)) %}
    {% do check_that_what_was_read_is_published(tables, refs) %}
    {% set there = published_views(tables | map(attribute='config.schema') | unique | list) %}
    {% set moved = [] %}
    {% for node in tables %}
        {% set view = node.config.schema ~ '.' ~ node.alias %}
        {% set tag = published_tag(node) %}
        {% set found = refs[node.unique_id] %}
        {% if found.get(tag) != found.main %}
            {% do run_query('alter table ' ~ node.relation_name ~ ' create or replace tag ' ~ tag ~ ' as of version ' ~ found.main) %}
            {% do moved.append(view) %}
        {% endif %}
        {% if tag not in found or view not in there %}
            {% do run_query(published_view(node, view, tag)) %}
            {% for old in found if old not in ('main', tag) %}
                {% do run_query('alter table ' ~ node.relation_name ~ ' drop tag ' ~ old) %}
            {% endfor %}
        {% endif %}
    {% endfor %}
    {{ log('Published ' ~ moved | length ~ ' of ' ~ tables | length ~ ' tables; the others have not changed', info=true) }}
{% endmacro %}


{#-
    Set the incremental tables back to the rows that readers see, at the start of a run, so that
    nothing is built upon what a failed build left. Not later: a model that is rendered looks already.
-#}
{% macro return_to_published() %}
    {% if not execute or flags.WHICH not in ('build', 'run') or flags.FULL_REFRESH %}
        {{ return('') }}
    {% endif %}
    {% set there = [] %}
    {% for id in selected_resources if id in graph.nodes and graph.nodes[id].config.materialized == 'incremental' %}
        {% set node = graph.nodes[id] %}
        {% if adapter.get_relation(node.database, node.schema, node.alias) is not none %}
            {% do there.append(id) %}
        {% endif %}
    {% endfor %}
    {% for id, found in refs_of(there).items() %}
        {% set published = found.items() | rejectattr(0, 'eq', 'main') | map(attribute=1) | list %}
        {% if published and published != [found.main] %}
            {% do run_query(
                "call spark_catalog.system.set_current_snapshot('" ~ graph.nodes[id].relation_name ~ "', "
                ~ published[0] ~ 'L)'
            ) %}
        {% endif %}
    {% endfor %}
{% endmacro %}


{#- The tag of the snapshot that readers see, named by what the table is described as and tested for. -#}
{% macro published_tag(node) -%}
    {%- set columns = [] -%}
    {%- for name, column in node.columns.items() -%}
        {%- do columns.append([name, column.data_type, column.description]) -%}
    {%- endfor -%}
    {%- set tests = [] -%}
    {%- for test in graph.nodes.values() if test.resource_type == 'test' and node.unique_id in test.depends_on.nodes -%}
        {%- do tests.append(test.raw_code ~ test.get('test_metadata', {}).get('kwargs', {})) -%}
    {%- endfor -%}
    published_{{ local_md5(tojson([node.description, columns, tests | sort]))[:12] }}
{%- endmacro %}


{#- The statement that makes the view through which readers see a table. -#}
{% macro published_view(node, view, tag) -%}
    create or replace view {{ view }} (
        {%- for name, column in node.columns.items() %}
        {{ name }} comment {{ string_literal(column.description) }}{{ ',' if not loop.last }}
        {%- endfor %}
    )
    comment {{ string_literal(node.description) }}
    as select {{ node.columns | join(', ') }} from {{ node.relation_name }} version as of '{{ tag }}'
{%- endmacro %}


{#- Branches and tags of tables, by the nodes' ids, each with its snapshot. -#}
{% macro refs_of(ids) %}
    {% set refs, queries = {}, [] %}
    {% for id in ids | unique %}
        {% do refs.update({id: {}}) %}
        {% do queries.append("select '" ~ id ~ "', name, snapshot_id from " ~ graph.nodes[id].relation_name ~ '.refs') %}
    {% endfor %}
    {% if queries %}
        {% for id, name, snapshot in run_query(queries | join(' union all ')).rows %}
            {% do refs[id].update({name: snapshot | string}) %}
        {% endfor %}
    {% endif %}
    {{ return(refs) }}
{% endmacro %}


{#- The tables that some tables read, directly or through views, and that are not among them. -#}
{% macro tables_read_by(tables) %}
    {% set own = tables | map(attribute='unique_id') | list %}
    {% set found = [] %}
    {% set pending = own + [] %}
    {#- A list that grows while it is read: what is read by what is read, as far as it goes. -#}
    {% for id in pending %}
        {% for parent in graph.nodes[id].depends_on.get('nodes', []) if parent in graph.nodes and parent not in pending %}
            {% if graph.nodes[parent].config.materialized == 'view' %}
                {% do pending.append(parent) %}
            {% elif parent not in found and parent not in own %}
                {% do found.append(parent) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#- Part of the models was built: refuse to publish what read a table that failed its tests. -#}
{% macro check_that_what_was_read_is_published(tables, refs) %}
    {% set own = tables | map(attribute='unique_id') | list %}
    {% for id, found in refs.items() if id not in own %}
        {% if found.main not in found.items() | rejectattr(0, 'eq', 'main') | map(attribute=1) | list %}
            {{ exceptions.raise_compiler_error(
                'nothing was published: ' ~ id.split('.')[-1] ~ ' was read, and has rows that are not '
                ~ 'published; build it too: `dbt build --select ' ~ id.split('.')[-1] ~ '+`'
            ) }}
        {% endif %}
    {% endfor %}
{% endmacro %}


{#- The views in the layers' schemas, which are made if they are missing. -#}
{% macro published_views(schemas) %}
    {% set views = [] %}
    {% for schema in schemas %}
        {% do run_query('create schema if not exists ' ~ schema) %}
        {% for row in run_query('show views in ' ~ schema).rows %}
            {% do views.append(row[0] ~ '.' ~ row[1]) %}
        {% endfor %}
    {% endfor %}
    {{ return(views) }}
{% endmacro %}
