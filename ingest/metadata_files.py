"""The metadata files of Iceberg tables on HDFS, read without the metastore.

The metastore knows one thing of a table: which metadata file is the current one. That file is
written before the metastore takes it, so the newest file may be one that was never committed.
`candidates` says which one to take:

- A file with the highest number is taken if HDFS has every file that it refers to, whether it was
  committed or not. The rows and the offsets of a batch are in one snapshot, so with the batch no
  message is lost, and none is read twice. The file before it would lose a batch that was committed,
  if Kafka no longer has the messages.
- Of several files with this number one was committed, at most. What the batch log lists was
  committed, because it is written afterwards. Otherwise the last one written is taken.
- A file is left out if HDFS lacks files to which it refers: those of a refused commit are deleted.
  Then the file before it is the current one. If that lacks files too, the table is damaged.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

# `…/SCHEMA.db/TABLE/metadata/NNNNN-UUID.metadata.json`
PATH = re.compile(r"(.*/([^/]+)\.db/([^/]+))/metadata/(\d+)-[^/]*\.metadata\.json$")
PATTERN = "metadata/*.metadata.json"
SCHEMA = (
    "`table-uuid` string, `last-updated-ms` bigint, `current-snapshot-id` bigint, "
    "properties map<string, string>, `metadata-log` array<struct<`metadata-file`: string>>, "
    "snapshots array<struct<`manifest-list`: string>>"
)
# Of a table's metadata files, so many with the highest numbers and as many of the last written are
# read: the numbers start again at 0 when a table is created again in the same folder.
RECENT_FILES = 100


@dataclass(frozen=True)
class MetadataFile:
    """A metadata file of a table.

    Attributes:
        number: its place in the order of commits.
        table_uuid: differs if the table was created again.
        updated: when it was written, in UTC.
        snapshot_id: the snapshot that it makes the current one; None for an empty table.
        previous: the file that it replaces; None for a table's first one.
        properties: the table properties.
    """

    path: str
    number: int
    table_uuid: str
    updated: datetime
    snapshot_id: int | None
    previous: str | None
    properties: dict[str, str]

    @property
    def folder(self) -> str:
        """The folder of the table."""
        return _match(self.path)[1]

    @property
    def table(self) -> str:
        """The name of the table, as its folder has it."""
        return "{}.{}".format(*_match(self.path).group(2, 3))


def candidates(files: Sequence[MetadataFile], logged: frozenset[int]) -> list[MetadataFile]:
    """Return the files that may be the current one, best first: see the module.

    Args:
        files: recent metadata files of one folder.
        logged: the snapshots that the batch log lists.
    """
    table_uuid = max(files, key=lambda file: file.updated).table_uuid
    own = [file for file in files if file.table_uuid == table_uuid]
    highest = max(file.number for file in own)
    newest = sorted(
        (file for file in own if file.number == highest),
        key=lambda file: (file.snapshot_id in logged, file.updated),
        reverse=True,
    )
    return [*newest, *(file for file in own if file.path == newest[0].previous)]


def paths(spark: SparkSession, pattern: str) -> dict[str, list[str]]:
    """Return the paths of recent metadata files by table folder, highest numbers first."""
    found: defaultdict[str, list[tuple[str, datetime]]] = defaultdict(list)
    try:
        listed = spark.read.format("binaryFile").load(f"{pattern}/{PATTERN}")
        for row in listed.select("path", "modificationTime").collect():
            if match := PATH.match(row.path):
                found[match[1]].append((row.path, row.modificationTime))
    except AnalysisException as error:
        if error.getCondition() != "PATH_NOT_FOUND":
            raise
    return {folder: _recent(files) for folder, files in found.items()}


def read(spark: SparkSession, paths: Sequence[str]) -> list[MetadataFile]:
    """Read metadata files; those that are gone, or were not written to their end, are left out."""
    if not paths:
        return []
    rows = (
        _parsed(spark, paths)
        .select(
            "path",
            F.col("at.table-uuid").alias("table_uuid"),
            F.col("at.last-updated-ms").alias("updated_ms"),
            F.col("at.current-snapshot-id").alias("snapshot_id"),
            F.expr("try_element_at(at.`metadata-log`.`metadata-file`, -1)").alias("previous"),
            F.col("at.properties").alias("properties"),
        )
        .where("table_uuid is not null and updated_ms is not null")
    )
    return [
        MetadataFile(
            row.path,
            int(_match(row.path)[4]),
            row.table_uuid,
            datetime.fromtimestamp(row.updated_ms / 1000, UTC),
            None if row.snapshot_id == -1 else row.snapshot_id,
            row.previous,
            row.properties or {},
        )
        for row in rows.collect()
    ]


def missing_files(spark: SparkSession, file: MetadataFile) -> list[str]:
    """Return some of the files that a metadata file refers to and HDFS does not have."""
    held = (
        spark.read.format("binaryFile")
        .option("recursiveFileLookup", "true")
        .load(file.folder)
        .select(F.col("path").alias("held"))
    )
    for referred in _referred(spark, file):
        absent = referred.join(held, F.col("path") == F.col("held"), "left_anti")
        if missing := [row.path for row in absent.limit(5).collect()]:
            return missing
    return []


def _referred(spark: SparkSession, file: MetadataFile) -> Iterator[DataFrame]:
    """Yield paths of files; each kind of file names those of the next one."""
    yield _parsed(spark, [file.path]).select(F.explode("at.snapshots.manifest-list").alias("path"))
    yield rows_of(spark, f"{file.path}#manifests").select("path")
    yield rows_of(spark, f"{file.path}#files").select(F.col("file_path").alias("path"))


def rows_of(spark: SparkSession, path: str) -> DataFrame:
    """Return the table of a metadata file, or with `#files` and such a table about it."""
    return spark.read.format("iceberg").load(path)


def _parsed(spark: SparkSession, paths: Iterable[str]) -> DataFrame:
    # By now another job may have deleted some of them; a missing path would be an error.
    folders, names = zip(*(path.rsplit("/", 1) for path in paths), strict=True)
    texts = (
        spark.read.format("text")
        .option("wholetext", "true")
        .option("pathGlobFilter", f"{{{','.join(names)}}}")
        .option("ignoreMissingFiles", "true")
        .load(sorted(set(folders)))
    )
    content = F.from_json("value", SCHEMA).alias("at")
    return texts.select(F.col("_metadata.file_path").alias("path"), content)


def _recent(files: Sequence[tuple[str, datetime]]) -> list[str]:
    by_number = sorted(files, key=lambda file: int(_match(file[0])[4]), reverse=True)
    by_time = sorted(files, key=lambda file: file[1], reverse=True)
    recent = [*by_number[:RECENT_FILES], *by_time[:RECENT_FILES]]
    return list(dict.fromkeys(path for path, _ in recent))


def _match(path: str) -> re.Match[str]:
    match = PATH.match(path)
    assert match, path
    return match
