"""Restore: register raw tables again that the metastore has lost and HDFS still has."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ingest import batch_log, metadata_files, raw_table
from ingest.errors import CommitConflict, NothingToRestore, TableDamaged
from ingest.metadata_files import MetadataFile
from ingest.run import Progress

# A database of this name is the lock.
LOCK = "assay_restore"


@dataclass(frozen=True)
class Lost:
    """A raw table, or the batch log, that HDFS has and the metastore does not know.

    Attributes:
        file: the metadata file to register.
        last_batch: id of the last batch in it; None without one.
        rows: number of its rows.
        left_out: newer metadata files, of commits that were not completed.
    """

    file: MetadataFile
    last_batch: int | None
    rows: int
    left_out: tuple[MetadataFile, ...]

    @property
    def table(self) -> str:
        """Its name."""
        return self.file.table


@dataclass
class Found:
    """The raw tables and the batch log on HDFS: the lost ones, and the names of the others."""

    lost: list[Lost] = field(default_factory=list)
    registered: list[str] = field(default_factory=list)


def find(spark: SparkSession, progress: Progress) -> Found:
    """Find the raw tables and the batch log on HDFS; changes nothing.

    Raises:
        NothingToRestore: there is no raw table.
        TableDamaged: HDFS lacks files of a table that the metastore does not know.
    """
    warehouse = spark.conf.get("spark.sql.warehouse.dir")
    progress(f"looking for raw tables in {warehouse}")
    paths = metadata_files.paths(spark, f"{warehouse}/*.db/*")
    # Of each table the newest files, because the last one may not be written to its end.
    newest = metadata_files.read(spark, [path for files in paths.values() for path in files[:3]])
    folders = {file.folder for file in newest if _is_raw(file)}
    if not folders:
        raise NothingToRestore(
            f"there is no raw table in {warehouse}",
            "`python -m ingest run` creates one; if another HDFS has the files, name its Spark "
            "server in ASSAY_SPARK",
        )
    files = metadata_files.read(spark, [path for folder in folders for path in paths[folder]])
    tables = {file.table: [one for one in files if one.table == file.table] for file in files}
    logged = frozenset[int]()
    found = Found()
    # The batch log comes first: it lists what was committed to the others.
    for name in sorted(tables, key=lambda name: (name != batch_log.BATCH_LOG, name)):
        if spark.catalog.tableExists(name):
            found.registered.append(name)
            rows = spark.table(name)
        else:
            progress(f"checking the files of {name}")
            found.lost.append(_choose(spark, metadata_files.candidates(tables[name], logged)))
            rows = metadata_files.rows_of(spark, found.lost[-1].file.path)
        if name == batch_log.BATCH_LOG:
            logged = frozenset(row.snapshot_id for row in rows.select("snapshot_id").collect())
    return found


def register(spark: SparkSession, lost: Sequence[Lost], progress: Progress) -> None:
    """Register tables with the metastore; those that it knows by now are left alone.

    Raises:
        CommitConflict: another restore is running.
    """
    with _exclusive(spark):
        for one in lost:
            spark.sql(f"create database if not exists {one.table.split('.')[0]}")
            if not spark.catalog.tableExists(one.table):
                progress(f"registering {one.table}")
                spark.sql(
                    f"call system.register_table(table => '{one.table}', "
                    f"metadata_file => '{one.file.path}')"
                ).collect()


def _is_raw(file: MetadataFile) -> bool:
    return raw_table.TOPIC in file.properties or file.table == batch_log.BATCH_LOG


def _choose(spark: SparkSession, candidates: Sequence[MetadataFile]) -> Lost:
    """Return the table as the first complete one of the candidates describes it."""
    missing: list[str] = []
    for place, file in enumerate(candidates):
        if missing := metadata_files.missing_files(spark, file):
            continue
        table = metadata_files.rows_of(spark, file.path)
        figures = table.agg(F.max("batch_id").alias("last"), F.count("*").alias("rows")).collect()
        return Lost(file, figures[0].last, figures[0].rows, tuple(candidates[:place]))
    raise TableDamaged(
        f"HDFS lacks files of {candidates[0].table}, such as {missing[0]}; nothing was registered",
        "put these files back from a backup of HDFS, then run this again. Without a backup, move "
        f"{candidates[0].folder} away: `python -m ingest run` then reads what Kafka still has",
    )


@contextmanager
def _exclusive(spark: SparkSession) -> Iterator[None]:
    """Let one restore at a time register tables.

    Iceberg deletes the metadata file of a registration that fails, even if the reason is that
    another process has just registered the same file.
    """
    try:
        spark.sql(f"create database {LOCK}")
    except AnalysisException as error:
        if "ALREADY_EXISTS" not in (error.getCondition() or ""):
            raise
        raise CommitConflict(
            f"another restore is running: the database {LOCK} exists; nothing was changed",
            f'wait for it. If it was killed: `python -m stack sql -e "drop database {LOCK}"`, '
            "then run this again",
        ) from error
    try:
        yield
    finally:
        spark.sql(f"drop database if exists {LOCK}")
