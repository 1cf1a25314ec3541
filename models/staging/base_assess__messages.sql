{#- Strings without which a message says nothing. -#}
{% set required_strings = [
    'keen_id', 'user_exam_id', 'base_exam_id', 'exam_name', 'started_at', 'keen_timestamp',
] %}

with

records as (
    select
        topic,
        partition,
        offset,
        timestamp as message_at,
        batch_id,
        ingested_at,
        value is null as is_null,
        try_validate_utf8(cast(value as string)) as value_text
    from {{ source('raw', 'assess') }}
),

-- A generator, because Spark would copy the parsing into every use of a projection's column.
parsed as (
    select
        records.*,
        parser.envelope,
        parser.message
    from records
        lateral view inline(array(struct(
        -- A parser stops after the first value; what follows it would spoil the envelope.
            try_parse_json(concat('{"message":', value_text, ',"end":0}')),
            from_json(
                value_text,
                '{{ message_schema() }}',
                map('columnNameOfCorruptRecord', 'misfit')
            )
        ))) parser as envelope, message
),

examined as (
    select
        *,
        variant_get(envelope, '$.end', 'int') is not null as is_json,
        value_text rlike '^[ \\t\\r\\n]*[{]' as is_object,
        concat_ws(
            ', ',
            {% for key in required_strings -%}
                if(
                    schema_of_variant(variant_get(envelope, '$.message.{{ key }}', 'variant'))
                    not in ('STRING', 'VOID'),
                    '{{ key }}',
                    null
                ),
            {% endfor -%}
            if(message.misfit is not null, 'a value that does not fit its column', null)
        ) as mistyped,
        concat_ws(
            ', ',
            {% for key in required_strings -%}
                if(message.{{ key }} is null, '{{ key }}', null),
            {% endfor -%}
            {% for path, is_missing in missing_in_sequences('message.sequences') -%}
                if({{ is_missing }}, '{{ path }}', null){{ ',' if not loop.last }}
            {% endfor -%}
        ) as missing,
        concat_ws(
            ', ',
            if(try_cast(message.started_at as timestamp) is null, 'started_at', null),
            if({{ from_unix_seconds('message.keen_timestamp') }} is null, 'keen_timestamp', null)
        ) as impossible
    from parsed
),

judged as (
    select
        *,
        case
            when is_null then struct('null_value' as reason, 'no value' as detail)
            when value_text is null then struct('invalid_utf8' as reason, 'not UTF-8' as detail)
            when is_json is not true
                then struct('not_json' as reason, 'not one JSON value, or a key twice' as detail)
            when
                not is_object
                then struct('not_an_object' as reason, 'JSON, but no object' as detail)
            when mistyped != '' then struct('wrong_type' as reason, mistyped as detail)
            when missing != '' then struct('missing_key' as reason, missing as detail)
            when impossible != '' then struct('impossible_value' as reason, impossible as detail)
        end as rejection
    from examined
)

select
    topic,
    partition,
    offset,
    message_at,
    batch_id,
    ingested_at,
    value_text,
    message,
    rejection.reason,
    rejection.detail
from judged
