"""Table maintenance: compact files, expire snapshots, delete orphan files and old metadata.

It is safe beside a running ingest and queries: replaced files stay until their snapshot expires.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession

from ingest import batch_log, commit, raw_table
from ingest.errors import CommitConflict
from ingest.run import Progress

# A file may be written long before the commit that refers to it.
ORPHAN_HOURS = 72
# Longer than any replay takes.
BRANCH_HOURS = 24


@dataclass(frozen=True)
class Maintained:
    """The result of the maintenance of one table."""

    table: str
    files_compacted: int
    files_written: int
    snapshots_expired: int
    orphans_deleted: int
    branches_dropped: int


def maintain(
    spark: SparkSession, topic: str, table: str, keep: timedelta, progress: Progress
) -> list[Maintained]:
    """Maintain a raw table and the batch log.

    Args:
        spark: a session.
        topic: the batch log of this topic is repaired first, before its snapshots expire.
        table: its raw table.
        keep: how long old snapshots stay readable.
        progress: called with each progress message.

    Raises:
        CommitConflict: another job, such as a replay, replaced files that were being compacted.
    """
    batch_log.repair(spark, topic, table, raw_table.ancestors(spark, table))
    return [_maintain(spark, name, keep, progress) for name in (table, batch_log.BATCH_LOG)]


def compact(spark: SparkSession, table: str, keep: timedelta) -> None:
    """Compact files and expire snapshots: the quick part, for a job with many small batches.

    Raises:
        CommitConflict: another job, such as a replay, replaced files that were being compacted.
    """
    for name in (table, batch_log.BATCH_LOG):
        _compact_files(spark, name)
        if name == table:
            checkpoint(spark, table)
        _expire(spark, name, keep)


def _maintain(spark: SparkSession, table: str, keep: timedelta, progress: Progress) -> Maintained:
    progress(f"{table}: dropping branches of killed jobs")
    branches = _drop_branches(spark, table)
    # Tables of earlier versions keep all metadata files; those that this frees are orphans.
    raw_table.set_properties(spark, table, raw_table.METADATA_PROPERTIES)
    progress(f"{table}: compacting files")
    compacted, written = _compact_files(spark, table)
    if table != batch_log.BATCH_LOG:
        checkpoint(spark, table)
    progress(f"{table}: expiring snapshots")
    expired = _expire(spark, table, keep)
    progress(f"{table}: looking for orphan files")
    orphans = spark.sql(
        f"call system.remove_orphan_files(table => '{table}', "
        f"older_than => {_before(timedelta(hours=ORPHAN_HOURS))})"
    ).count()
    return Maintained(table, compacted, written, expired, orphans, branches)


def checkpoint(spark: SparkSession, table: str) -> None:
    """Commit a snapshot with the current offsets, so that the older ones can be expired."""
    snapshots = raw_table.ancestors(spark, table)
    last = next((s for s in snapshots if raw_table.OFFSETS in s.summary), None)
    if last is None or last is snapshots[0]:
        return
    try:
        with commit.fast_forward_branch(spark, table, snapshots[0].snapshot_id) as branch:
            state = {name: last.summary[name] for name in raw_table.STATE if name in last.summary}
            commit.batch_writer(spark.table(table).limit(0), branch, state).append()
    except CommitConflict:
        return  # another batch was committed, whose snapshot has the offsets


def _compact_files(spark: SparkSession, table: str) -> tuple[int, int]:
    with commit.translate_commit_conflict(table):
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
        made = row.name.removeprefix(commit.BRANCH_PREFIX).split("_")[0]
        if row.name.startswith(commit.BRANCH_PREFIX) and made.isdigit() and int(made) < stale:
            spark.sql(f"alter table {table} drop branch {row.name}")
            dropped += 1
    return dropped


def _before(age: timedelta) -> str:
    """Return the time of some age as an SQL literal in UTC."""
    return f"timestamp '{(datetime.now(UTC) - age).strftime('%Y-%m-%d %H:%M:%S.%f')}Z'"
