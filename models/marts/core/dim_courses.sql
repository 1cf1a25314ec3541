with

attempts as (
    select * from {{ ref('fct_attempts') }}
)

select
    exam_name,
    count(distinct base_exam_id) as exam_count,
    bool_and(is_test_record) as is_test_course,
    min(started_at) as first_started_at,
    max(started_at) as last_started_at
from attempts
group by exam_name
