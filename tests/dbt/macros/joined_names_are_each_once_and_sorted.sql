-- Names are joined each once, in the order of the alphabet; none gives null.
with

rows as (
    select * from values ('b', 1), ('a', 1), ('b', 1), ('c', 2) as rows (name, kind)
),

joined as (
    select
        {{ joined_names('name', 'kind = 1') }} as several,
        {{ joined_names('name', 'kind = 3') }} as nobody
    from rows
)

select
    several,
    nobody
from joined
where not several <=> 'a / b' or nobody is not null
