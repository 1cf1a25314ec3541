{{ config(materialized='view') }}

select
    test_name,
    model_name,
    coalesce(get_json_object(failing_row, '$.broken_rule'), description) as rule,
    severity,
    coalesce(get_json_object(failing_row, '$.failing_key'), failing_row) as failing_row
from {{ source('audit', 'test_failures') }}
