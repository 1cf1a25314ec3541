"""The log of the Thrift Server says which tables a client reads."""

import pytest

from stack.settings import Settings
from tests.end_to_end.statements import exposed, recorded, tables, tables_of
from tests.end_to_end.warehouse import rows, session

READS = {
    "select 1": set(),
    "select count(*) from statements_a.one": {"statements_a.one"},
    "select `one`.id from `statements_a`.`one` -- from statements_b.two\n": {"statements_a.one"},
    "select 'from statements_b.two' as text from STATEMENTS_A.ONE": {"statements_a.one"},
    "with two as (select * from statements_a.one)\nselect * from two": {"statements_a.one"},
    "with one as (select * from statements_a.one) select 1 from one cross join statements_b.two": {
        "statements_a.one",
        "statements_b.two",
    },
    "select id from statements_a.one where id in (select id from statements_b.two)": {
        "statements_a.one",
        "statements_b.two",
    },
    "select id, (select max(id) from statements_b.two)\nfrom (select id from statements_a.one)": {
        "statements_a.one",
        "statements_b.two",
    },
    "(select id from statements_a.one) union all (select id from statements_b.two)": {
        "statements_a.one",
        "statements_b.two",
    },
    "select value from statements_a.one lateral view explode(array(id)) as value": {
        "statements_a.one"
    },
    "select count_if(id > 0) filter (where id is not null) from statements_a.one": {
        "statements_a.one"
    },
}
WITHOUT_ROWS = (
    "use default",
    "show tables in statements_a",
    "describe table extended statements_a.one",
    "set spark.sql.session.timeZone",
)


@pytest.fixture(scope="module")
def two_tables(stack: Settings) -> None:
    session(
        *(f"create schema if not exists {schema}" for schema in ("statements_a", "statements_b")),
        "create or replace view statements_a.one as select 1 as id",
        "create or replace view statements_b.two as select 1 as id",
    )


@pytest.mark.services
def test_what_was_read_is_found_in_the_log(stack: Settings, two_tables: None) -> None:
    with recorded(stack) as found:
        for sql in READS:
            rows(sql)
        for sql in WITHOUT_ROWS:
            session(sql)
    # Each session begins with a statement of the client's own.
    assert [sql for sql in found if not sql.startswith("USE ")] == [*READS, *WITHOUT_ROWS]
    assert tables(found) == set().union(*READS.values())


@pytest.mark.parametrize(("sql", "expected"), READS.items(), ids=range(len(READS)))
def test_only_tables_are_found(sql: str, expected: set[str]) -> None:
    assert tables_of(sql) == expected


@pytest.mark.parametrize(
    "sql", ["drop table a.b", "insert into a.b select * from c.d", "create table a.b (id int)"]
)
def test_a_client_that_writes_is_refused(sql: str) -> None:
    with pytest.raises(ValueError, match="does not only read"):
        tables([sql])


def test_an_exposure_names_what_readers_find() -> None:
    assert exposed("demo_answers") == {"questions.answers"}
    assert {"core.fct_attempts", "operations.freshness"} <= exposed("thrift_analysts")
