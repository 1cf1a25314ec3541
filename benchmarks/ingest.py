"""How fast ingest is: `python -m benchmarks.ingest --help`. Needs `make up`.

Every job is a process of its own, reads the same topic and writes an Iceberg table of the same
columns and partitions with the same commit; rounds are interleaved, because a machine is not
equally fast all the time. Spark's connector is measured three times: into a table with Iceberg's
defaults, as whoever uses it instead of ours has it; into a table with our properties; and with our
tasks too. CPU time is printed beside throughput: it is what remains comparable when others use the
machine.
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

from ingest import commit as raw
from ingest import run, sample
from ingest.settings import Settings
from ingest.topic import Source, Topic
from stack import jars, processes
from stack.settings import Settings as Stack

LOCK = Path(__file__).with_name("jars.lock")
TIMEOUT_SECONDS = 1800
DISTINCT_MESSAGES = 5 * sample.MESSAGES  # 43 MB: no codec's or file's window is as wide
ROWS_OF_A_COMMIT = 100_000

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
console = Console(highlight=False, soft_wrap=True)

TopicName = Annotated[str, typer.Argument()]
Rounds = Annotated[int, typer.Option(min=1, help="how often; the median is printed")]


@dataclass
class Run:
    """What one run of a job took.

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
class Watch:
    """CPU time and memory of the Spark server and its Python workers, looked at now and then."""

    server: psutil.Process
    worker_mb: float = 0.0
    cpu_by_process: dict[int, float] = field(default_factory=dict)

    def look(self) -> None:
        """Take the figures of now."""
        self._take_cpu(self.server)
        for child in self.server.children(recursive=True):
            try:
                self._take_cpu(child)
                # A process that is about to become a worker is still a copy of the server.
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
        """Of all that were seen."""
        return sum(self.cpu_by_process.values())


def peak_mb(pid: int) -> float:
    """The most memory that a process has had so far; 0 if it has just ended.

    Not what `wait4` says: that counts what the process shared with us before it was another one.
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
    value_bytes: Annotated[int, typer.Option(help="0: as the sample has them, 2.6 KB")] = 0,
    partitions: Annotated[int, typer.Option(min=1)] = 3,
    rounds: Rounds = 3,
    loop_messages: Annotated[int, typer.Option(help="for the slow loop; 0 leaves it out")] = 10_000,
    existing: Annotated[str | None, typer.Option(help="a full topic, instead of a new one")] = None,
) -> None:
    """Compare our job with Spark's own Kafka connector and with a plain loop."""
    jars.ensure(Stack().cache, jars.locked(LOCK))
    full = nullcontext(existing) if existing else topic_of(messages, codec, value_bytes, partitions)
    with full as name:
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
    """Measure how long after its publish a single message is visible over Thrift, with --follow."""
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
            seconds = sorted(seconds[1:])  # the first one waits for the job's start
        finally:
            job.terminate()
            job.wait(timeout=60)
            producer.close()
        p99 = seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))]
        console.print(
            f"publish to visible: p50 {statistics.median(seconds):.2f} s, p99 {p99:.2f} s"
        )


def wait_for(cursor: Any, table: str, partition: int, offset: int) -> None:
    """Ask Thrift for a record until it is there."""
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
    """Measure a run that brings the same messages with ever more rows already in the table."""
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
                runs.append(measure("ingest", name, messages, afresh=False))
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
    """Commit generated rows as a batch that has read nothing of the topic yet."""
    table = Settings(topic=name).raw_table
    source = described(name)
    raw.ensure_table(spark, table, name)
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
    # As if they had been read, so that the ledger can agree.
    ranges = [[0, -there - size, -there, 0, 0]] if size else []
    commit(spark, records, table, source, source.begin, ranges)


def rewind(spark: SparkSession, name: str) -> None:
    """Let the next run bring the same messages again."""
    grow(spark, name, 0, 0)


@app.command(hidden=True)
def connector(name: TopicName, messages: int, tuned: bool = False, split: bool = False) -> None:
    """The job with Spark's connector: same columns, same commit."""
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
        raw.ensure_table(spark, table, name)
        if not tuned:
            properties = ", ".join(f"'{name}'" for name in raw.WRITING)
            spark.sql(f"alter table {table} unset tblproperties ({properties})")
        commit(spark, records, table, source, source.end)


@app.command(hidden=True)
def loop(name: TopicName, messages: int) -> None:
    """The job as peers write it: poll, make a data frame, append."""
    consumer = KafkaConsumer(
        bootstrap_servers=Settings().kafka,
        group_id=None,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    consumer.assign([TopicPartition(name, p) for p in consumer.partitions_for_topic(name)])
    source, table = described(name), Settings(topic=name).raw_table
    with session() as spark:
        raw.ensure_table(spark, table, name)
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
    """What the topic holds."""
    with Source(Settings(topic=name)) as source:
        return source.describe()


def commit(
    spark: SparkSession,
    records: DataFrame,
    table: str,
    source: Topic,
    to: dict[int, int],
    ranges: Sequence[list[int]] = (),
) -> None:
    """Our own commit, for whatever rows."""
    base = raw.committed(spark, table)
    batch = raw.Batch(base.batch_id + 1, to, list(ranges), source.topic_id, source.cluster_id)
    raw.commit(records, table, base, batch)


def measure(job: str, name: str, messages: int, *, afresh: bool = True) -> Run:
    """Run one job as a process and watch it."""
    if afresh:
        with session() as spark:
            spark.sql(f"drop table if exists {Settings(topic=name).raw_table} purge")
    connecting = ["benchmarks.ingest", "connector", name, str(messages)]
    command = {
        "ingest": ["ingest", "run", "--topic", name],
        "connector": connecting,
        "connector-tuned": [*connecting, "--tuned"],
        "connector-split": [*connecting, "--tuned", "--split"],
        "loop": ["benchmarks.ingest", "loop", name, str(messages)],
    }[job]
    server = processes.find(Stack().state)["spark"][0]
    watch = Watch(server)
    watch.look()
    before, begun = watch.cpu_seconds, time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL)
    killer = threading.Timer(TIMEOUT_SECONDS, process.kill)
    killer.start()
    job_mb = 0.0
    while True:
        job_mb = max(job_mb, peak_mb(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        watch.look()
        if pid:
            break
        time.sleep(0.1)
    seconds = time.monotonic() - begun
    killer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    cpu = watch.cpu_seconds - before + usage.ru_utime + usage.ru_stime
    return Run(messages, seconds, cpu, job_mb, watch.worker_mb)


@contextmanager
def session() -> Iterator[SparkSession]:
    """A session of Spark Connect of our own."""
    spark = SparkSession.builder.remote(Settings().spark).create()
    try:
        yield spark
    finally:
        spark.stop()


@contextmanager
def topic_of(messages: int, codec: str, value_bytes: int, partitions: int) -> Iterator[str]:
    """A topic full of messages, deleted afterwards together with its table."""
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
        with session() as spark:
            spark.sql(f"drop table if exists {Settings(topic=name).raw_table} purge")
        admin = KafkaAdminClient(bootstrap_servers=kafka)
        admin.delete_topics([name])
        admin.close()


def fill(
    kafka: str, name: str, messages: int, codec: str, value_bytes: int, partitions: int
) -> int:
    """Publish messages of the sample, over and over, and return their bytes."""
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
