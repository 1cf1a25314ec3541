{#-
    All that has to be true of a table's rows, in one statement; a failing row says which rule it
    breaks, in plain words, and its key. Where a build looks only at the batches that it added
    (`audit_filter`), it looks also for older rows of the same key; not where a foreign key holds the
    `message_id`, because the rows of a message are replaced together.

    Args:
        grain: columns of the key: never null, never twice. An empty list: the table has one row.
        not_null: other columns that are never null.
        accepted_values: by column, its values; null is for `not_null` to forbid.
        foreign_keys: pairs of `columns` (here) and `fields` (in the table `to`), found there unless
            one is null.
            Each value is looked up once, however many rows have it, and is the failing key.
        rules: pairs of `rule`, in plain words, and the SQL condition that `holds` for every row; one
            that is null does not hold.
        made_into: for a source, the model that has a row for each of its rows: what it adds is audited.
-#}
{% test is_sound(model, grain, not_null=[], accepted_values={}, foreign_keys=[], rules=[], made_into=none) %}
{%- set checks = [] -%}
{%- for column, values in accepted_values.items() -%}
    {%- set values = values | map('string') | join("', '") -%}
    {%- do checks.append((column ~ " is one of '" ~ values ~ "'", column ~ ' is null or ' ~ column ~ " in ('" ~ values ~ "')")) -%}
{%- endfor -%}
{%- for check in rules -%}
    {%- do checks.append((check.rule, check.holds)) -%}
{%- endfor -%}
{%- set is_new = audit_filter(made_into or model) -%}
{%- set is_new = is_new ~ ' and batch_id <= ' ~ newest_batch() if made_into else is_new -%}
{%- set rows = model if is_new == 'true' else '(select * from ' ~ model ~ ' where ' ~ is_new ~ ')' -%}
{%- set holds_messages = 'message_id' in foreign_keys | map(attribute='columns') | sum(start=[]) -%}
{%- set key = 'to_json(struct(' ~ (grain | join(', ') or '*') ~ "), map('ignoreNullFields', 'false')) as failing_key" -%}

select
    {% if grain -%}
    'one row per {{ grain | join(', ') }}' as broken_rule,
    {{ key }}
from {{ rows if holds_messages else model }}
group by {{ grain | join(', ') }}
having count(*) > 1 {{ 'and count_if(' ~ is_new ~ ') > 0' if not holds_messages and is_new != 'true' }}
    {%- else -%}
    'one row' as broken_rule,
    cast(count(*) as string) as failing_key
from {{ model }}
having count(*) != 1
    {%- endif %}
{%- if grain + not_null %}
union all
select
    explode(array_compact(array(
        {%- for column in grain + not_null %}
        if({{ column }} is null, '{{ column }} is never null', null){{ ',' if not loop.last }}
        {%- endfor %}
    ))) as broken_rule,
    {{ key }}
from {{ rows }}
where {{ (grain + not_null) | join(' is null or ') }} is null -- Iceberg knows the files that have none
{%- endif %}
{%- if checks %}
union all
select
    explode(array_compact(array(
        {%- for rule, holds in checks %}
        if(({{ holds }}) is true, null, {{ string_literal(rule) }}){{ ',' if not loop.last }}
        {%- endfor %}
    ))) as broken_rule,
    {{ key }}
from {{ rows }}
where (({{ checks | map('last') | join(') and (') }})) is not true
{%- endif %}
{%- for foreign_key in foreign_keys %}
{%- set columns, parent = foreign_key.columns, foreign_key.to %}
union all
select
    '{{ columns | join(', ') }} is in {{ parent.identifier }}' as broken_rule,
    to_json(struct({{ columns | join(', ') }})) as failing_key
from (
    select distinct {{ columns | join(', ') }}
    from {{ rows }}
    where {{ columns | join(' is not null and ') }} is not null
) as child
left anti join (
    select {{ foreign_key.fields | join(', ') }}
    from {{ parent }}
    {%- if is_new != 'true' and 'message_id' in columns %}
    where {{ is_new }} -- the rows of a message are of one batch, here and there
    {%- endif %}
) as parent
    on {% for column in columns %}{{ 'and ' if not loop.first }}child.{{ column }} = parent.{{ foreign_key.fields[loop.index0] }}{{ ' ' if not loop.last }}{% endfor %}
{%- endfor %}
{% endtest %}
