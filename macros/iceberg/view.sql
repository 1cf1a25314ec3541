{#- A view with its columns' descriptions, that carries the record of its code; left alone if it is the same. -#}
{% materialization view, adapter='spark' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set name = model.schema ~ '.' ~ model.alias -%}
    {%- set record = {'batch': 0, 'code': code_of_model(compiled_code), 'whole': 'view', 'parents': {}} -%}
    {%- set description = description_hash(model) -%}
    {%- set found = warehouse().views.get(name, {}) -%}

    {{ run_hooks(pre_hooks) }}
    {% if found.code == record.code and found.description == description and not should_full_refresh() %}
        {% do store_raw_result(name='main', message='unchanged', code='unchanged', rows_affected=0) %}
    {% else %}
        {% call statement('main') %}
            {{ create_view(name, model, {'assay.build': format_record(record), 'assay.description': description}, compiled_code) }}
        {% endcall %}
    {% endif %}
    {{ run_hooks(post_hooks) }}
    {% do warehouse().views.update({name: dict(record, description=description)}) %}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- The statement that makes a view of a node, in one commit of the metastore. -#}
{% macro create_view(name, node, properties, sql) -%}
    create or replace view {{ name }} (
        {%- for column in node.columns.values() %}
        {{ column.name }} comment {{ string_literal(column.description) }}{{ ',' if not loop.last }}
        {%- endfor %}
    )
    comment {{ string_literal(node.description) }}
    tblproperties (
        {%- for key, value in properties.items() %}
        '{{ key }}' = '{{ value }}'{{ ',' if not loop.last }}
        {%- endfor %}
    )
    as {{ sql }}
{%- endmacro %}


{#- A hash of how a node and its columns are described. -#}
{% macro description_hash(node) %}
    {% set parts = [node.description] %}
    {% for column in node.columns.values() %}
        {% do parts.append(column.name ~ ': ' ~ column.description) %}
    {% endfor %}
    {{ return(local_md5(parts | join('\n'))[:12]) }}
{% endmacro %}
