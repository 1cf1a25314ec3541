-- The rules are in macros/staging/; models/reference/rejection_reasons.sql says what they mean.
with

records as (
    select
        *,
        try_validate_utf8(cast(value as string)) as text
    from {{ ref('base_assess__records') }}
    where batch_id > {{ last_batch() }} and batch_id <= {{ newest_batch() }}
),

parsed as (
    select
        *,
        {{ parse_message('text') }} as message,
        {{ has_invalid_escape('text') }} as has_invalid_escape
    from records
),

-- Nearly all messages have the known shape, and only their values are checked.
recognised as (
    select
        *,
        -- A variant takes two keys that are half a surrogate pair each for one key, and fails.
        coalesce(
            case
                when message._corrupt_record is null and not has_invalid_escape
                    then {{ has_known_shape("try_parse_json(concat('{\"value\":', text, '}'))") }}
            end,
            false
        ) as has_known_shape
    from parsed
),

-- Of the other messages, every key is checked.
enveloped as (
    select
        *,
        -- Spark's parser ignores what follows the first value; inside of the array it cannot.
        case
            when not has_known_shape and not {{ is_nested_too_deep('text', 'message') }}
                then
                    try_parse_json(concat(
                        '[', if(has_invalid_escape, {{ without_escapes('text') }}, text), ',0]'
                    ))
        end as envelope
    from recognised
),

documents as (
    select
        *,
        try_variant_get(envelope, '$[0]', 'variant') as document,
        {{ question_maps("try_variant_get(envelope, '$[0]', 'variant')") }} as questions
    from enveloped
),

unpacked as (
    select
        *,
        map_keys(try_variant_get(document, '$', 'map<string, variant>')) as top_keys,
        {{ option_maps('questions') }} as options
    from documents
),

profiled as (
    select
        *,
        if(
            has_known_shape,
            '',
            {{ paths_where(mistyped_values('message', 'document', 'questions', 'options')) }}
        ) as mistyped,
        {{ paths_where(missing_values('message')) }} as missing,
        {{ paths_where(name_conditions('message', is_blank)) }} as blank,
        {{ paths_where(invalid_timestamps('message', 'message_at')) }} as invalid_timestamps,
        {{ paths_where(invalid_values('message')) }} as invalid_values,
        {{ paths_where(contradicting_values('message')) }} as contradicting,
        has_known_shape
        or (
            try_variant_get(envelope, '$[1]', 'int') is not null
            and try_variant_get(envelope, '$[2]', 'variant') is null
        ) as is_json,
        has_known_shape or text rlike '^[ \\t\\r\\n]*[{]' as is_object
    from unpacked
),

validated as (
    select
        *,
        case
            when value is null then struct('null_value' as reason, 'no value' as detail)
            when text is null then struct('invalid_utf8' as reason, 'not UTF-8' as detail)
            when is_json is not true
                then struct(
                    'not_json' as reason,
                    'not one JSON value, a key twice, or nested too deep' as detail
                )
            when
                not is_object
                then struct('not_an_object' as reason, 'JSON, but no object' as detail)
            when
                not (
                    has_known_shape
                    or coalesce(arrays_overlap(top_keys, {{ known_keys('') }}), false)
                )
                then struct('unknown_schema' as reason, 'none of its keys is known' as detail)
            when has_invalid_escape
                then struct('invalid_text' as reason, 'NUL, or half of a surrogate pair' as detail)
            when mistyped != '' then struct('wrong_type' as reason, mistyped as detail)
            when missing != '' then struct('missing_key' as reason, missing as detail)
            when blank != '' then struct('blank_value' as reason, blank as detail)
            when
                invalid_timestamps != ''
                then struct('invalid_timestamp' as reason, invalid_timestamps as detail)
            when
                invalid_values != ''
                then struct('invalid_value' as reason, invalid_values as detail)
            when
                contradicting != ''
                then struct('contradicting_values' as reason, contradicting as detail)
        end as rejection
    from profiled
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
    if(
        rejection is null and not has_known_shape,
        {{ unknown_keys('document', 'top_keys', 'questions', 'options') }},
        null
    ) as unknown_keys,
    rejection.reason,
    rejection.detail,
    if(rejection is null, null, text) as value_text
from validated
