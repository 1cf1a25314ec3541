{{ config(severity='warn') }}

-- Names of courses are taken as they are. Those that a reader cannot tell apart are counted apart:
-- they differ only by spaces, case, or how a letter is encoded (Unicode normalisation).
with

courses as (
    select
        exam_name,
        regexp_replace(exam_name, '[\\p{Z}\\p{Cc}\\p{Cf}]+', '') as name_without_spaces
    from {{ ref('dim_courses') }}
)

select
    array_join(array_sort(collect_list(exam_name)), ' / ') as exam_names,
    count(*) as courses
from courses
group by collate(name_without_spaces, 'UNICODE_CI')
having count(*) > 1
