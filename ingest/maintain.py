"""Keep the tables quick: join small files, forget old snapshots, delete what nobody refers to.

Safe beside a running ingest and queries: whatever it replaces stays for as long as it is kept.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession

from ingest import commit as raw
from ingest import ledger
from ingest.errors import CommitLost
from ingest.run import Progress

# A file may be written long before the commit that refers to it.
ORPHAN_HOURS = 72
# No replay takes longer.
BRANCH_HOURS = 24


@dataclass(frozen=True)
class Maintained:
    """What was done to one table."""

    table: str
    files_joined: int
    files_made: int
    snapshots_expired: int
    orphans_deleted: int
    branches_dropped: int


def maintain(
    spark: SparkSession, topic: str, table: str, keep: timedelta, progress: Progress
) -> list[Maintained]:
    """Maintain a raw table and the ledger.

    Args:
        spark: a session.
        topic: whose ledger is mended first, while the snapshots that say how are left.
        table: its raw table.
        keep: how long old snapshots stay readable.
        progress: told what happens.
    """
    ledger.repair(spark, topic, table, raw.lineage(spark, table))
    return [_maintain(spark, name, keep, progress) for name in (table, ledger.LEDGER)]


def tidy(spark: SparkSession, table: str, keep: timedelta) -> None:
    """The quick part, for a job that makes many small batches: join files, expire snapshots."""
    for name in (table, ledger.LEDGER):
        _join_files(spark, name)
        if name == table:
            checkpoint(spark, table)
        _expire(spark, name, keep)


def _maintain(spark: SparkSession, table: str, keep: timedelta, progress: Progress) -> Maintained:
    progress(f"{table}: dropping branches of killed jobs")
    branches = _drop_branches(spark, table)
    progress(f"{table}: joining small files")
    joined, made = _join_files(spark, table)
    if table != ledger.LEDGER:
        checkpoint(spark, table)
    progress(f"{table}: expiring snapshots")
    expired = _expire(spark, table, keep)
    progress(f"{table}: looking for orphan files")
    orphans = spark.sql(
        f"call system.remove_orphan_files(table => '{table}', "
        f"older_than => {_before(timedelta(hours=ORPHAN_HOURS))})"
    ).count()
    return Maintained(table, joined, made, expired, orphans, branches)


def checkpoint(spark: SparkSession, table: str) -> None:
    """Let the newest snapshot say what is committed, so that the older ones can be forgotten."""
    line = raw.lineage(spark, table)
    last = next((s for s in line if raw.OFFSETS in s.summary), None)
    if last is None or last is line[0]:
        return
    try:
        with raw.on_a_branch(spark, table, line[0].snapshot_id) as branch:
            state = {name: last.summary[name] for name in raw.STATE if name in last.summary}
            raw.writing(spark.table(table).limit(0), branch, state).append()
    except CommitLost:
        return  # a batch has come in, which says it too


def _join_files(spark: SparkSession, table: str) -> tuple[int, int]:
    done = spark.sql(f"call system.rewrite_data_files(table => '{table}')").first()
    return (done.rewritten_data_files_count, done.added_data_files_count) if done else (0, 0)


def _expire(spark: SparkSession, table: str, keep: timedelta) -> int:
    before = spark.sql(f"select count(*) from {table}.snapshots").collect()[0][0]
    spark.sql(
        f"call system.expire_snapshots(table => '{table}', older_than => {_before(keep)}, "
        "retain_last => 1)"
    ).collect()
    after = spark.sql(f"select count(*) from {table}.snapshots").collect()[0][0]
    return int(before - after)


def _drop_branches(spark: SparkSession, table: str) -> int:
    """Drop branches that a killed replay left."""
    stale = (datetime.now(UTC) - timedelta(hours=BRANCH_HOURS)).timestamp()
    dropped = 0
    for row in spark.sql(f"select name from {table}.refs where type = 'BRANCH'").collect():
        made = row.name.removeprefix(raw.BRANCH_PREFIX).split("_")[0]
        if row.name.startswith(raw.BRANCH_PREFIX) and made.isdigit() and int(made) < stale:
            spark.sql(f"alter table {table} drop branch {row.name}")
            dropped += 1
    return dropped


def _before(age: timedelta) -> str:
    """A moment of the past, as SQL that no session's time zone changes."""
    return f"timestamp '{(datetime.now(UTC) - age).strftime('%Y-%m-%d %H:%M:%S.%f')}Z'"
