{{
    config(
        materialized='incremental',
        unique_key='message_id',
        meta={'changed_in': {'model': 'base_assess__records', 'batch': 'batch_id'}},
    )
}}

{#- Strings without which a message says nothing. -#}
{% set required_strings = [
    'keen_id', 'user_exam_id', 'base_exam_id', 'exam_name', 'started_at', 'keen_timestamp',
] %}

with

records as (
    -- Few messages are in few files, which one task would read, and parse while all else waits.
    select /*+ repartition(4, offset) */
        *,
        try_validate_utf8(cast(value as string)) as text
    from {{ ref('base_assess__records') }}
    where batch_id > {{ last_batch() }} and batch_id <= {{ newest_batch() }}
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
            try_parse_json(concat('{"message":', text, ',"end":0}')),
            from_json(
                text,
                '{{ message_schema() }}',
                map('columnNameOfCorruptRecord', 'misfit')
            )
        ))) parser as envelope, message
),

examined as (
    select
        *,
        variant_get(envelope, '$.end', 'int') is not null as is_json,
        text rlike '^[ \\t\\r\\n]*[{]' as is_object,
        map_keys(try_variant_get(envelope, '$.message', 'map<string, variant>')) as top_keys,
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
            if({{ from_iso_8601('message.started_at') }} is null, 'started_at', null),
            if({{ from_unix_seconds('message.keen_timestamp') }} is null, 'keen_timestamp', null)
        ) as impossible
    from parsed
),

judged as (
    select
        *,
        case
            when value is null then struct('null_value' as reason, 'no value' as detail)
            when text is null then struct('invalid_utf8' as reason, 'not UTF-8' as detail)
            when is_json is not true
                then struct('not_json' as reason, 'not one JSON value, or a key twice' as detail)
            when
                not is_object
                then struct('not_an_object' as reason, 'JSON, but no object' as detail)
            when
                not coalesce(arrays_overlap(top_keys, {{ known_keys('') }}), false)
                then struct('unknown_schema' as reason, 'none of its keys is known' as detail)
            when mistyped != '' then struct('wrong_type' as reason, mistyped as detail)
            when missing != '' then struct('missing_key' as reason, missing as detail)
            when impossible != '' then struct('impossible_value' as reason, impossible as detail)
        end as rejection
    from examined
)

select
    message_id,
    topic,
    topic_id,
    partition,
    offset,
    batch_id,
    message_at,
    ingested_at,
    value_bytes,
    value_hash,
    if(rejection is null, message, null) as message,
    if(rejection is null, {{ unknown_keys('envelope', 'top_keys') }}, null) as unknown_keys,
    rejection.reason,
    rejection.detail,
    if(rejection is null, null, text) as value_text
from judged
