-- Names are joined each once, in the order of the alphabet; none gives null.
with

rows as (
    select * from values ('b', 1), ('a', 1), ('b', 1), ('c', 2) as rows (name, kind)
),

joined as (
    select
        {{ joined_names('name', 'kind = 1') }} as some,
        {{ joined_names('name', 'kind = 3') }} as none
    from rows
)

select
    some,
    none
from joined
where not some <=> 'a / b' or none is not null
