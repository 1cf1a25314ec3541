"""Benchmarks of ingest: `python -m benchmarks.ingest --help`. Needs `make up`.

Every job is a process of its own, reads the same topic and writes an Iceberg table of the same
columns and partitions with the same commit. Rounds are interleaved, because the speed of a machine
varies. Spark's connector is measured three times: with Iceberg's default table properties, with
ingest's table properties, and with ingest's size of tasks too. CPU time is printed beside
throughput, because it stays comparable when other processes use the machine.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from pyhive import hive
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from rich.console import Console
from rich.table import Table

import sample
from ingest import batch_log, commit, raw_table, run
from ingest.settings import Settings
from ingest.topic import Source, Topic
from stack import jars, processes
from stack.settings import Settings as Stack

LOCK = Path(__file__).with_name("jars.lock")
TIMEOUT_SECONDS = 1800
DISTINCT_MESSAGES = 5 * sample.MESSAGES  # 43 MB: wider than the window of any codec or file
ROWS_OF_A_COMMIT = 100_000

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
console = Console(highlight=False, soft_wrap=True)

TopicName = Annotated[str, typer.Argument()]
Rounds = Annotated[int, typer.Option(min=1, help="number of rounds; the median is printed")]


@dataclass
class Run:
    """The cost of one run of a job.

    Attributes:
        cpu_seconds: of the job, the Spark server and its Python workers together.
        job_mb: peak memory of the job's own process.
        worker_mb: peak memory of the largest Python worker of Spark.
    """

    messages: int
    seconds: float
    cpu_seconds: float
    job_mb: float
    worker_mb: float


@dataclass
class ResourceMonitor:
    """CPU time and memory of the Spark server and its Python workers, sampled repeatedly."""

    server: psutil.Process
    worker_mb: float = 0.0
    cpu_by_process: dict[int, float] = field(default_factory=dict)

    def update(self) -> None:
        """Take a sample."""
        self._take_cpu(self.server)
        for child in self.server.children(recursive=True):
            try:
                self._take_cpu(child)
                # Between fork and exec, a worker is still a copy of the server.
                is_worker = "python" in Path(child.exe()).name
            except psutil.Error:
                continue  # it has just ended
            if is_worker:
                self.worker_mb = max(self.worker_mb, peak_mb(child.pid))

    def _take_cpu(self, process: psutil.Process) -> None:
        times = process.cpu_times()
        self.cpu_by_process[process.pid] = times.user + times.system

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all sampled processes."""
        return sum(self.cpu_by_process.values())


def peak_mb(pid: int) -> float:
    """Return the peak memory of a process so far, in MB; 0 if it has just ended.

    `wait4` is no substitute: it counts memory that was shared with the parent before exec.
    """
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0


@app.command()
def compare(
    messages: Annotated[int, typer.Option(min=1)] = 1_000_000,
    codec: Annotated[str, typer.Option(help="none, gzip, snappy, lz4 or zstd")] = "gzip",
    value_bytes: Annotated[
        int, typer.Option(help="size of a value; 0: as in the sample, 2.6 KB")
    ] = 0,
    partitions: Annotated[int, typer.Option(min=1)] = 3,
    rounds: Rounds = 3,
    loop_messages: Annotated[
        int, typer.Option(help="messages of the slow loop; 0 omits it")
    ] = 10_000,
    existing: Annotated[
        str | None, typer.Option(help="an existing topic, instead of a new one")
    ] = None,
) -> None:
    """Compare our job with Spark's own Kafka connector and with a plain loop."""
    jars.ensure(Stack().cache, jars.locked(LOCK))
    topic = (
        nullcontext(existing) if existing else topic_of(messages, codec, value_bytes, partitions)
    )
    with topic as name:
        runs: dict[str, list[Run]] = {}
        for number in range(rounds):
            for job, count in (
                ("connector", messages),
                ("ingest", messages),
                ("connector-tuned", messages),
                ("connector-split", messages),
                ("loop", loop_messages),
            ):
                if count:
                    runs.setdefault(job, []).append(measure(job, name, count))
                    console.print(f"  round {number + 1} {job}: {runs[job][-1].seconds:.1f} s")
        show(runs, f"{messages:,} messages, {codec}, {partitions} partitions")


def show(runs: dict[str, list[Run]], title: str) -> None:
    """Print medians and ratios."""
    titles = {
        "ingest": "python -m ingest run",
        "connector": "Spark's connector",
        "connector-tuned": "the same, table as ours",
        "connector-split": "the same, tasks as ours too",
        "loop": "poll-and-insert loop",
    }
    table = Table(
        "", "messages", "messages/s", "CPU µs/message", "job MB", "worker MB", title=title
    )
    rates: dict[str, float] = {}
    for job, found in runs.items():
        rates[job] = statistics.median(r.messages / r.seconds for r in found)
        table.add_row(
            titles[job],
            f"{found[0].messages:,}",
            f"{rates[job]:,.0f}",
            f"{statistics.median(r.cpu_seconds / r.messages * 1e6 for r in found):.1f}",
            f"{max(r.job_mb for r in found):.0f}",
            f"{max(r.worker_mb for r in found):.0f}",
        )
    console.print(table)
    for job in runs:
        if job != "ingest":
            console.print(f"ingest is {rates['ingest'] / rates[job]:.2f} times {titles[job]}")


@app.command()
def latency(messages: Annotated[int, typer.Option(min=2)] = 50) -> None:
    """Measure the time from the publish of a message to its visibility in Thrift, with --follow."""
    settings = Settings()
    with topic_of(1, "none", 0, 3) as name:
        job = subprocess.Popen(
            [sys.executable, "-m", "ingest", "run", "--follow", "--topic", name],
            stdout=subprocess.DEVNULL,
        )
        producer = KafkaProducer(bootstrap_servers=settings.kafka)
        cursor = hive.connect("127.0.0.1", port=int(os.environ["ASSAY_THRIFT_PORT"])).cursor()
        try:
            seconds = []
            for number in range(messages + 1):
                sent_at = time.monotonic()
                sent = producer.send(name, b"%d" % number, partition=number % 3).get(timeout=10)
                wait_for(cursor, Settings(topic=name).raw_table, sent.partition, sent.offset)
                seconds.append(time.monotonic() - sent_at)
            seconds = sorted(seconds[1:])  # without the first one, which waits for the job's start
        finally:
            job.terminate()
            job.wait(timeout=60)
            producer.close()
        p99 = seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))]
        console.print(
            f"publish to visible: p50 {statistics.median(seconds):.2f} s, p99 {p99:.2f} s"
        )


def wait_for(cursor: Any, table: str, partition: int, offset: int) -> None:
    """Query Thrift until a record is visible.

    Raises:
        TimeoutError: it is not visible after a minute.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            cursor.execute(
                f"select 1 from {table} where partition = {partition} and offset = {offset}"
            )
            if cursor.fetchall():
                return
        except hive.Error as error:
            if "TABLE_OR_VIEW_NOT_FOUND" not in str(error):
                raise
        time.sleep(0.02)
    raise TimeoutError(f"partition {partition} offset {offset} is not in {table} after a minute")


@app.command()
def behind(
    rows: Annotated[str, typer.Option(help="rows in the table, rising")] = "10000,1000000,5000000",
    messages: Annotated[int, typer.Option(min=1)] = 10_000,
    rounds: Rounds = 3,
) -> None:
    """Measure a run of the same messages with increasing numbers of rows in the table."""
    table = Table("rows behind", "snapshots", "seconds", "CPU ms", title=f"{messages:,} messages")
    with topic_of(messages, "gzip", 0, 3) as name, session() as spark:
        there = 0
        for wanted in map(int, rows.split(",")):
            while there < wanted:
                size = min(ROWS_OF_A_COMMIT, wanted - there)
                grow(spark, name, there, size)
                there += size
            runs = []
            for _ in range(rounds):
                runs.append(measure("ingest", name, messages, new_table=False))
                rewind(spark, name)
            snapshots = spark.sql(f"select 1 from {Settings(topic=name).raw_table}.snapshots")
            table.add_row(
                f"{wanted:,}",
                f"{snapshots.count():,}",
                f"{statistics.median(r.seconds for r in runs):.2f}",
                f"{statistics.median(r.cpu_seconds for r in runs) * 1000:.0f}",
            )
    console.print(table)


def grow(spark: SparkSession, name: str, there: int, size: int) -> None:
    """Commit generated rows as a batch that leaves the topic unread."""
    table = Settings(topic=name).raw_table
    source = described(name)
    raw_table.ensure_table(spark, table, name)
    records = spark.range(there, there + size).select(
        F.lit(name).alias("topic"),
        F.lit(0).alias("partition"),
        (-F.col("id") - 1).alias("offset"),
        F.timestamp_seconds(F.lit(1_500_000_000) + F.col("id") / 10).alias("timestamp"),
        F.lit("CreateTime").alias("timestamp_type"),
        F.lit(None).cast("binary").alias("key"),
        F.sha2(F.col("id").cast("string"), 256).cast("binary").alias("value"),
        F.expr("cast(array() as array<struct<key: string, value: binary>>)").alias("headers"),
    )
    # Ranges as if the rows had been read, so that the batch log agrees with the table.
    ranges = [[0, -there - size, -there, 0, 0]] if size else []
    commit_rows(spark, records, table, source, source.begin, ranges)


def rewind(spark: SparkSession, name: str) -> None:
    """Commit the begin offsets, so that the next run ingests the same messages again."""
    grow(spark, name, 0, 0)


@app.command(hidden=True)
def connector(name: TopicName, messages: int, tuned: bool = False, split: bool = False) -> None:
    """Run the job with Spark's connector: same columns, same commit."""
    settings = Settings()
    source = described(name)
    with session() as spark:
        for jar in jars.locked(LOCK):
            spark.addArtifacts(str(Stack().cache / "jars" / jar.filename))
        reader = (
            spark.read.format("kafka")
            .option("kafka.bootstrap.servers", settings.kafka)
            .option("kafka.isolation.level", "read_committed")
            .option("subscribe", name)
            .option("includeHeaders", "true")
            .option("startingOffsets", json.dumps({name: source.begin}))
            .option("endingOffsets", json.dumps({name: source.end}))
        )
        if split:
            reader = reader.option("minPartitions", str(-(-messages // run.TASK_OFFSETS)))
        records = reader.load().select(
            "topic",
            "partition",
            "offset",
            "timestamp",
            F.when(F.col("timestampType") == 0, "CreateTime")
            .otherwise("LogAppendTime")
            .alias("timestamp_type"),
            "key",
            "value",
            "headers",
        )
        table = Settings(topic=name).raw_table
        raw_table.ensure_table(spark, table, name)
        if not tuned:
            properties = ", ".join(f"'{name}'" for name in raw_table.TABLE_PROPERTIES)
            spark.sql(f"alter table {table} unset tblproperties ({properties})")
        commit_rows(spark, records, table, source, source.end)


@app.command(hidden=True)
def loop(name: TopicName, messages: int) -> None:
    """Run the common simple job: poll, create a data frame, append."""
    consumer = KafkaConsumer(
        bootstrap_servers=Settings().kafka,
        group_id=None,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    consumer.assign([TopicPartition(name, p) for p in consumer.partitions_for_topic(name)])
    source, table = described(name), Settings(topic=name).raw_table
    with session() as spark:
        raw_table.ensure_table(spark, table, name)
        schema = spark.table(table).schema
        done = 0
        while done < messages:
            rows = [
                (
                    *(name, r.partition, r.offset, datetime.fromtimestamp(r.timestamp / 1000, UTC)),
                    *("CreateTime", r.key, r.value, [{"key": k, "value": v} for k, v in r.headers]),
                    *(1, datetime.now(UTC), source.topic_id, None),
                )
                for records in consumer.poll(1000, max_records=messages - done).values()
                for r in records
            ]
            if rows:
                spark.createDataFrame(rows, schema).writeTo(table).append()
            done += len(rows)
    consumer.close()


def described(name: str) -> Topic:
    """Return the topic's current offsets."""
    with Source(Settings(topic=name)) as source:
        return source.describe()


def commit_rows(
    spark: SparkSession,
    records: DataFrame,
    table: str,
    source: Topic,
    to: dict[int, int],
    ranges: Sequence[list[int]] = (),
) -> None:
    """Commit rows with ingest's own commit."""
    state = raw_table.read_state(spark, table)
    batch = commit.Batch(state.batch_id + 1, to, list(ranges), source.topic_id, source.cluster_id)
    commit.commit(records, table, state, batch)


def measure(job: str, name: str, messages: int, *, new_table: bool = True) -> Run:
    """Run one job as a process and measure it."""
    if new_table:
        remove_table(name)
    connecting = ["benchmarks.ingest", "connector", name, str(messages)]
    command = {
        "ingest": ["ingest", "run", "--topic", name],
        "connector": connecting,
        "connector-tuned": [*connecting, "--tuned"],
        "connector-split": [*connecting, "--tuned", "--split"],
        "loop": ["benchmarks.ingest", "loop", name, str(messages)],
    }[job]
    server = processes.find(Stack().state)["spark"][0]
    monitor = ResourceMonitor(server)
    monitor.update()
    before, begun = monitor.cpu_seconds, time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL)
    killer = threading.Timer(TIMEOUT_SECONDS, process.kill)
    killer.start()
    job_mb = 0.0
    while True:
        job_mb = max(job_mb, peak_mb(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        monitor.update()
        if pid:
            break
        time.sleep(0.1)
    seconds = time.monotonic() - begun
    killer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    cpu = monitor.cpu_seconds - before + usage.ru_utime + usage.ru_stime
    return Run(messages, seconds, cpu, job_mb, monitor.worker_mb)


def remove_table(name: str) -> None:
    """Drop the topic's raw table and delete its batches from the batch log.

    Otherwise the next job would begin by repairing the batch log.
    """
    with session() as spark:
        spark.sql(f"drop table if exists {Settings(topic=name).raw_table} purge")
        batch_log.ensure(spark)
        spark.sql(f"delete from {batch_log.BATCH_LOG} where topic = '{name}'")


@contextmanager
def session() -> Iterator[SparkSession]:
    """Open a session of Spark Connect."""
    spark = SparkSession.builder.remote(Settings().spark).create()
    try:
        yield spark
    finally:
        spark.stop()


@contextmanager
def topic_of(messages: int, codec: str, value_bytes: int, partitions: int) -> Iterator[str]:
    """Create a topic with messages; it is deleted at the end together with its table."""
    name = f"benchmark-{uuid.uuid4().hex[:8]}"
    kafka = Settings().kafka
    with Source(Settings(topic=name)) as source:
        source.create(partitions, replication=1)
    try:
        begun = time.monotonic()
        size = fill(kafka, name, messages, codec, value_bytes, partitions)
        console.print(
            f"published {messages:,} messages, {size / messages:,.0f} bytes each, in "
            f"{time.monotonic() - begun:.0f} s"
        )
        yield name
    finally:
        remove_table(name)
        admin = KafkaAdminClient(bootstrap_servers=kafka)
        admin.delete_topics([name])
        admin.close()


def fill(
    kafka: str, name: str, messages: int, codec: str, value_bytes: int, partitions: int
) -> int:
    """Publish messages of the sample, repeated as needed, and return their size in bytes."""
    values = [
        (value * (value_bytes // len(value) + 1))[:value_bytes] if value_bytes else value
        for value in sample.generate(min(messages, DISTINCT_MESSAGES))
    ]
    producer = KafkaProducer(
        bootstrap_servers=kafka,
        compression_type=None if codec == "none" else codec,
        linger_ms=20,
        batch_size=512 * 1024,
        max_request_size=16 * 1024**2,
    )
    size = 0
    futures = []
    for number, value in enumerate(itertools.islice(itertools.cycle(values), messages)):
        key = b"%d" % (number % len(values))
        futures.append(producer.send(name, value, key, partition=number % partitions))
        size += len(value)
        if len(futures) == 10_000 or number == messages - 1:
            producer.flush()
            for future in futures:
                future.get(timeout=10)
            futures = []
    producer.close()
    return size


if __name__ == "__main__":
    app()
