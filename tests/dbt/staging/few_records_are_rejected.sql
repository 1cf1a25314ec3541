{{ config(severity='warn') }}

-- Of a batch, not more is rejected than the variable max_rejected_share says.
{% set is_new = audit_filter(ref('base_assess__messages')) -%}

with

batches as (
    select
        topic,
        batch_id,
        count(*) as records,
        count(reason) as rejected_records,
        {{ share('count(reason)', 'count(*)') }} as rejected_share,
        mode(reason, true) as most_common_reason
    from {{ ref('base_assess__messages') }}
    where {{ is_new }}
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
