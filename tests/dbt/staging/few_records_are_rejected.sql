{{ config(severity='warn') }}

-- Of each batch, at most the share max_rejected_share (a variable) is rejected.
{% set new_rows_filter = audit_filter(ref('base_assess__messages')) -%}

with

batches as (
    select
        topic,
        batch_id,
        count(*) as records,
        count(reason) as rejected_records,
        {{ safe_divide('count(reason)', 'count(*)') }} as rejected_share,
        mode(reason, true) as most_common_reason
    from {{ ref('base_assess__messages') }}
    where {{ new_rows_filter }}
    group by topic, batch_id
)

select
    topic,
    batch_id,
    records,
    rejected_records,
    rejected_share,
    most_common_reason
from batches
where rejected_share > {{ setting('max_rejected_share') }}
