{% macro spark__get_assert_columns_equivalent(sql) %}
    {% set found, agreed = [], [] %}
    {% for row in run_query('describe query ' ~ sql).rows %}
        {% do found.append(contract_column(row[0], row[1])) %}
    {% endfor %}
    {% for column in model.columns.values() %}
        {% do agreed.append(contract_column(column.name, column.data_type)) %}
    {% endfor %}
    {% if found | sort(attribute='formatted') != agreed | sort(attribute='formatted') %}
        {% do exceptions.raise_contract_error(agreed, found) %}
    {% endif %}
{% endmacro %}


{% macro contract_column(name, data_type) %}
    {% set type = data_type | lower | replace(' ', '') %}
    {{ return({'name': name, 'data_type': type, 'formatted': name ~ ' ' ~ type}) }}
{% endmacro %}
