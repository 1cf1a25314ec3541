{#- The checks of `row_checks`: each is a query of `broken_rule`, in plain words, and `failing_key`. -#}

{% macro unique_key_check(rows, unique_key, new_rows_filter=none) -%}
    select
        'one row per {{ unique_key | join(', ') }}' as broken_rule,
        {{ failing_key(unique_key) }}
    from {{ rows }}
    group by {{ unique_key | join(', ') }}
    having count(*) > 1 {{ 'and count_if(' ~ new_rows_filter ~ ') > 0' if new_rows_filter }}
{%- endmacro %}


{% macro one_row_check(model) -%}
    select
        'one row' as broken_rule,
        cast(count(*) as string) as failing_key
    from {{ model }}
    having count(*) != 1
{%- endmacro %}


{% macro not_null_check(rows, columns, unique_key) -%}
    select
        explode(array_compact(array(
            {%- for column in columns %}
            if({{ column }} is null, '{{ column }} is never null', null){{ ',' if not loop.last }}
            {%- endfor %}
        ))) as broken_rule,
        {{ failing_key(unique_key) }}
    from {{ rows }}
    where {{ columns | join(' is null or ') }} is null -- Iceberg knows the files that have none
{%- endmacro %}


{% macro expression_check(rows, expressions, unique_key) -%}
    select
        explode(array_compact(array(
            {%- for check in expressions %}
            if(({{ check.expression }}) is true, null, {{ string_literal(check.name) }}){{ ',' if not loop.last }}
            {%- endfor %}
        ))) as broken_rule,
        {{ failing_key(unique_key) }}
    from {{ rows }}
    where (({{ expressions | map(attribute='expression') | join(') and (') }})) is not true
{%- endmacro %}


{% macro accepted_values_expressions(accepted_values) %}
    {% set expressions = [] %}
    {% for column, values in accepted_values.items() %}
        {% set values = "'" ~ values | map('string') | join("', '") ~ "'" %}
        {% do expressions.append({
            'name': column ~ ' is one of ' ~ values,
            'expression': column ~ ' is null or ' ~ column ~ ' in (' ~ values ~ ')',
        }) %}
    {% endfor %}
    {{ return(expressions) }}
{% endmacro %}


{% macro relationship_check(rows, relationship, new_rows_filter=none) -%}
    {%- set columns, parent = relationship.columns, relationship.to -%}
    select
        '{{ columns | join(', ') }} is in {{ parent.identifier }}' as broken_rule,
        to_json(struct({{ columns | join(', ') }})) as failing_key
    from (
        select distinct {{ columns | join(', ') }}
        from {{ rows }}
        where {{ columns | join(' is not null and ') }} is not null
    ) as child
    left anti join (
        select {{ relationship.fields | join(', ') }}
        from {{ parent }}
        {%- if new_rows_filter and 'message_id' in columns %}
        where {{ new_rows_filter }} -- the rows of a message are of one batch, here and there
        {%- endif %}
    ) as parent
        on {% for column in columns %}{{ 'and ' if not loop.first }}child.{{ column }} = parent.{{ relationship.fields[loop.index0] }}{{ ' ' if not loop.last }}{% endfor %}
{%- endmacro %}


{% macro failing_key(unique_key) -%}
    to_json(struct({{ unique_key | join(', ') or '*' }}), map('ignoreNullFields', 'false')) as failing_key
{%- endmacro %}
