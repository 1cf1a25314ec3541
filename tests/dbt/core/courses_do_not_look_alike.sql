{{ config(severity='warn') }}

-- Courses are counted by their exact names. This warns of names that differ only by spaces, case,
-- or the encoding of a letter (Unicode normalisation).
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
