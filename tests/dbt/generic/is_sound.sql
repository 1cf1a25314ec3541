{#-
    All that has to be true of a table's rows, in one statement; a failing row says which rule it
    breaks, in plain words, and its key. Where a build looks only at what it added (`to_audit`), it
    looks also at older rows of the same key, and of a foreign key that is gone. Not of the same key
    where a foreign key holds the `message_id`: the rows of a message are all in one batch.

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
{%- set key = 'to_json(struct(' ~ (grain or ['*']) | join(', ') ~ "), map('ignoreNullFields', 'false'))" -%}
{%- set in_question = to_audit(made_into or model) -%}
{%- set lost = {} -%}
{%- for foreign_key in foreign_keys if in_question != 'true' -%}
    {%- do lost.update({loop.index0: lost_keys(foreign_key.to, foreign_key.fields)}) -%}
{%- endfor -%}
{%- set in_question = 'true' if 'unknown' in lost.values() else in_question -%}
{%- set is_all = in_question == 'true' -%}
{%- set rows = model if is_all else '(select * from ' ~ model ~ ' where ' ~ in_question ~ ')' -%}
{%- set holds_messages = 'message_id' in foreign_keys | map(attribute='columns') | sum(start=[]) -%}

select
    {% if grain -%}
    'one row per {{ grain | join(', ') }}' as broken_rule,
    {{ key }} as failing_key
from {{ rows if holds_messages else model }}
{%- if not is_all and not holds_messages %}
left semi join {{ rows }} using ({{ grain | join(', ') }})
{%- endif %}
group by {{ grain | join(', ') }}
having count(*) > 1
    {%- else -%}
    'one row' as broken_rule,
    cast(count(*) as string) as failing_key
from {{ model }}
having count(*) != 1
    {%- endif %}
{% if checks %}
union all
select
    explode(filter(
        array(
            {%- for rule, holds in checks %}
            if(({{ holds }}) is true, null, {{ string_literal(rule) }}){{ ',' if not loop.last }}
            {%- endfor %}
        ),
        rule -> rule is not null
    )) as broken_rule,
    {{ key }} as failing_key
from {{ rows }}
{% endif %}
{%- for foreign_key in foreign_keys %}
{%- for child, is_missing, keys in searches(foreign_key, model, rows, lost[loop.index0], in_question) %}
union all
select
    '{{ foreign_key.columns | join(', ') }} is in {{ foreign_key.to.identifier }}' as broken_rule,
    to_json(struct({{ (grain + foreign_key.columns) | unique | join(', ') }})) as failing_key
from {{ child }} as child
where
    {%- for column in foreign_key.columns %}
    {{ column }} is not null and
    {%- endfor %}
    {{ is_missing }} (
        select 1
        from {{ keys }} as parent
        where
        {%- for column in foreign_key.columns %}
            parent.{{ foreign_key.fields[loop.index0] }} = child.{{ column }}{{ ' and' if not loop.last }}
        {%- endfor %}
    )
{%- endfor %}
{%- endfor %}
{% endtest %}
