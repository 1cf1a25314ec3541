{#-
    Where a build audits only the batches that it added (`audit_filter`), the unique key is still
    compared with older rows; not where a relationship has the `message_id`, because the rows of a
    message are replaced together.
-#}
{% test row_checks(model, unique_key, not_null=[], accepted_values={}, relationships=[], expressions=[], audited_with=none) %}
{%- set audited = audited_with or model -%}
{%- set new_rows_filter = audit_filter(audited) if audited_with or is_audited_by_batch(audited) -%}
{%- set new_rows_filter = new_rows_filter ~ ' and batch_id <= ' ~ newest_batch() if audited_with else new_rows_filter -%}
{%- set rows = '(select * from ' ~ model ~ ' where ' ~ new_rows_filter ~ ')' if new_rows_filter else model -%}
{%- set expressions = accepted_values_expressions(accepted_values) + expressions -%}
{%- set checks = [] -%}
{%- if not unique_key -%}
    {%- do checks.append(one_row_check(model)) -%}
{%- elif 'message_id' in relationships | map(attribute='columns') | sum(start=[]) -%}
    {%- do checks.append(unique_key_check(rows, unique_key)) -%}
{%- else -%}
    {%- do checks.append(unique_key_check(model, unique_key, new_rows_filter)) -%}
{%- endif -%}
{%- if unique_key + not_null -%}
    {%- do checks.append(not_null_check(rows, unique_key + not_null, unique_key)) -%}
{%- endif -%}
{%- if expressions -%}
    {%- do checks.append(expression_check(rows, expressions, unique_key)) -%}
{%- endif -%}
{%- for relationship in relationships -%}
    {%- do checks.append(relationship_check(rows, relationship, new_rows_filter)) -%}
{%- endfor -%}
{{ checks | join('\nunion all\n') }}
{% endtest %}
