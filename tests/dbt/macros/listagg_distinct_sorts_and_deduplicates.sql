-- Each value is there once, in the order of the alphabet; no value gives null.
with

rows as (
    select * from values ('b', 1), ('a', 1), ('b', 1), ('c', 2) as rows (name, kind)
),

joined as (
    select
        {{ listagg_distinct('name', 'kind = 1') }} as several,
        {{ listagg_distinct('name', 'kind = 3') }} as nobody
    from rows
)

select
    several,
    nobody
from joined
where not several <=> 'a / b' or nobody is not null
