-- The attempts have as many messages as are staged.
with

flattened as (
    select coalesce(sum(message_count), 0) as messages from {{ ref('flat_attempts') }}
),

staged as (
    select count(*) as messages from {{ ref('stg_assess__messages') }}
)

select
    flattened.messages as flattened_messages,
    staged.messages as staged_messages
from flattened
cross join staged
where flattened.messages != staged.messages
