{#-
    Write the descriptions of all columns in one commit. dbt-spark makes one of each, which costs
    more than building a small table.
-#}
{% macro spark__alter_column_comment(relation, column_dict) %}
    {% set comments = [] %}
    {% for name in column_dict if column_dict[name].description %}
        {% do comments.append(adapter.quote(name) ~ ' comment ' ~ string_literal(column_dict[name].description)) %}
    {% endfor %}
    {% if comments %}
        {% do run_query('alter table ' ~ relation ~ ' alter column ' ~ comments | join(', ')) %}
    {% endif %}
{% endmacro %}
