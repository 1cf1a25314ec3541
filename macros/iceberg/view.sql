{% materialization view, adapter='spark' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set name = model.schema ~ '.' ~ model.alias -%}
    {%- set record = {'batch': 0, 'code': code_hash(compiled_code), 'whole': invocation_id[:8], 'parents': {}} -%}
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


{% macro description_hash(node) %}
    {% set parts = [node.description] %}
    {% for column in node.columns.values() %}
        {% do parts.append(column.name ~ ': ' ~ column.description) %}
    {% endfor %}
    {{ return(local_md5(parts | join('\n'))[:12]) }}
{% endmacro %}
