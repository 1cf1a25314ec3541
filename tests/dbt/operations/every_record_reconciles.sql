-- Raw = staged + rejected and staged = attempts + duplicates, and messages_per_day counts the same.
with

reconciled as (
    select
        coalesce(sum(raw_rows), 0) as records,
        coalesce(sum(flattened_rows), 0) as attempts,
        coalesce(sum(rejected_rows), 0) as rejected
    from {{ ref('reconciliation') }}
),

daily as (
    select
        coalesce(sum(messages), 0) as records,
        coalesce(sum(attempts), 0) as attempts,
        coalesce(sum(rejected), 0) as rejected
    from {{ ref('messages_per_day') }}
),

reasons as (
    select coalesce(sum(messages), 0) as rejected from {{ ref('rejections_by_reason') }}
),

repeats as (
    select coalesce(sum(messages - 1), 0) as repeats from {{ ref('duplicates') }}
)

select
    reconciled.records,
    daily.records as daily_records,
    reconciled.attempts,
    daily.attempts as daily_attempts,
    reconciled.rejected,
    daily.rejected as daily_rejected,
    reasons.rejected as rejected_by_reason,
    repeats.repeats
from reconciled
cross join daily
cross join reasons
cross join repeats
where
    reconciled.records != daily.records
    or reconciled.attempts != daily.attempts
    or reconciled.rejected != daily.rejected
    or reconciled.rejected != reasons.rejected
    or reconciled.records != reconciled.rejected + reconciled.attempts + repeats.repeats
