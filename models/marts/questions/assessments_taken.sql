with

attempts as (
    select * from {{ ref('fct_attempts') }}
)

select
    coalesce(sum(message_count), 0) as messages,
    count(*) as attempts,
    coalesce(sum(message_count) filter (where is_test_record), 0) as test_messages,
    count_if(is_test_record) as test_attempts
from attempts
