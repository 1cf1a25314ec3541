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
        rules: pairs of `rule`, in plain words, and the SQL condition that `holds` for every row; one
            that is null does not hold.
        made_into: for a source, the model that has a row for each of its rows: what it adds is audited.
-#}
{% test is_sound(model, grain, not_null=[], accepted_values={}, foreign_keys=[], rules=[], made_into=none) %}
{%- set checks = [] -%}
{%- for column in grain + not_null -%}
    {%- do checks.append((column ~ ' is never null', column ~ ' is not null')) -%}
{%- endfor -%}
{%- for column, values in accepted_values.items() -%}
    {%- set values = values | map('string') | join("', '") -%}
    {%- do checks.append((column ~ " is one of '" ~ values ~ "'", column ~ ' is null or ' ~ column ~ " in ('" ~ values ~ "')")) -%}
{%- endfor -%}
{%- for check in rules -%}
    {%- do checks.append((check.rule, check.holds)) -%}
{%- endfor -%}
{%- for foreign_key in foreign_keys -%}
    {%- set absent = foreign_key.columns | join(' is null or ') ~ ' is null' -%}
    {%- do checks.append((
        foreign_key.columns | join(', ') ~ ' is in ' ~ foreign_key.to.identifier,
        absent ~ ' or is_in_' ~ loop.index,
    )) -%}
{%- endfor -%}
{%- set columns = (grain + foreign_keys | map(attribute='columns') | sum(start=[])) | unique | join(', ') -%}
{%- set key = 'to_json(struct(' ~ (columns or 'child.*') ~ "), map('ignoreNullFields', 'false'))" -%}
{%- set is_new = audit_filter(made_into or model) -%}
{%- set is_new = is_new ~ ' and batch_id <= ' ~ newest_batch() if made_into else is_new -%}
{%- set rows = model if is_new == 'true' else '(select * from ' ~ model ~ ' where ' ~ is_new ~ ')' -%}
{%- set holds_messages = 'message_id' in foreign_keys | map(attribute='columns') | sum(start=[]) -%}

select
    {% if grain -%}
    'one row per {{ grain | join(', ') }}' as broken_rule,
    to_json(struct({{ grain | join(', ') }}), map('ignoreNullFields', 'false')) as failing_key
from {{ rows if holds_messages else model }}
group by {{ grain | join(', ') }}
having count(*) > 1 {{ 'and count_if(' ~ is_new ~ ') > 0' if not holds_messages and is_new != 'true' }}
    {%- else -%}
    'one row' as broken_rule,
    cast(count(*) as string) as failing_key
from {{ model }}
having count(*) != 1
    {%- endif %}
{% if checks %}
union all
select
    explode(array_compact(array(
        {%- for rule, holds in checks %}
        if(({{ holds }}) is true, null, {{ string_literal(rule) }}){{ ',' if not loop.last }}
        {%- endfor %}
    ))) as broken_rule,
    {{ key }} as failing_key
from {{ rows }} as child
{%- for foreign_key in foreign_keys %}
{%- set number = loop.index %}
left join (
    select
        {%- for field in foreign_key.fields %}
        {{ field }} as parent_{{ number }}_{{ loop.index }},
        {%- endfor %}
        true as is_in_{{ number }}
    from {{ foreign_key.to }}
    {%- if is_new != 'true' and 'message_id' in foreign_key.columns %}
    where {{ is_new }} -- the rows of a message are of one batch, here and there
    {%- endif %}
) as parent_{{ number }}
    on
        {%- for column in foreign_key.columns %}
        {{ 'and ' if not loop.first }}{{ column }} = parent_{{ number }}_{{ loop.index }}
        {%- endfor %}
{%- endfor %}
where (
    {%- for _, holds in checks %}
    {{ 'and ' if not loop.first }}({{ holds }})
    {%- endfor %}
) is not true
{% endif %}
{% endtest %}
