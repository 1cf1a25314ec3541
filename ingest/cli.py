"""The commands of `python -m ingest`."""

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from kafka.consumer.fetcher import ConsumerRecord

from ingest.command_line import (
    TopicOption,
    command_group,
    console,
    print_table,
    say,
    working,
)
from ingest.errors import BadSetting
from ingest.operations import cli as operations
from ingest.settings import MAX_INT64, Settings, check_tables, load
from ingest.topic import Source

if TYPE_CHECKING:
    from ingest.raw_table import TableState
    from ingest.run import BatchResult, Job

app = command_group(
    "Move the messages of a Kafka topic into a raw table, exactly once.\n\n"
    "Kafka, Spark and the topic are named by `ASSAY_KAFKA`, `ASSAY_SPARK` and `ASSAY_TOPIC`.",
)
topic_app = typer.Typer(no_args_is_help=True, help="Create or describe the topic.")
app.add_typer(topic_app, name="topic")

AllTopicsOption = Annotated[
    bool, typer.Option("--all", help="every topic of the configuration file")
]


@topic_app.command("create")
def topic_create(
    topic_name: TopicOption = None,
    partitions: Annotated[int, typer.Option(min=1, max=10_000, help="number of partitions")] = 3,
    replication: Annotated[int, typer.Option(min=1, max=32_767, help="number of replicas")] = 1,
) -> None:
    """Create the topic. Does nothing if it already exists.

    Example: `python -m ingest topic create --partitions 6`
    """
    with Source(load(topic=topic_name)) as source:
        new = source.create(partitions, replication)
    console.print(f"{'created' if new else 'already exists:'} {source.name}")


@topic_app.command("describe")
def topic_describe(topic_name: TopicOption = None) -> None:
    """Show the topic's id, its cluster, and the offsets of each partition.

    Example: `python -m ingest topic describe`
    """
    with Source(load(topic=topic_name)) as source:
        found = source.describe()
    console.print(f"topic {found.name}, id {found.topic_id}, cluster {found.cluster_id}")
    print_table(
        [
            {"partition": p, "begin": found.begin[p], "end": end, "offsets": end - found.begin[p]}
            for p, end in found.end.items()
        ]
    )


@app.command()
def peek(
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_INT64, help="maximum number of messages")
    ] = 10,
    topic_name: TopicOption = None,
    values: Annotated[bool, typer.Option("--values", help="print the values only")] = False,
) -> None:
    """Print the topic's first messages.

    Example: `python -m ingest peek --limit 1 --values | python -m json.tool`
    """
    with Source(load(topic=topic_name)) as source:
        for record in source.peek(limit):
            _print_record(record, values)


def _iso(milliseconds: int) -> str:
    """Format a record's timestamp as ISO 8601, or as `N ms` if its year is not in 1 to 9999."""
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return f"{milliseconds} ms"
    return at.isoformat(timespec="milliseconds")


def _print_record(record: ConsumerRecord, value_only: bool) -> None:
    value = b"(null)" if record.value is None else record.value
    if not value_only:
        at = _iso(record.timestamp)
        key = "" if record.key is None else record.key.decode(errors="replace")
        head = f"partition {record.partition} offset {record.offset} {at} key {key}: "
        sys.stdout.buffer.write(head.encode())
    sys.stdout.buffer.write(value + b"\n")


@app.command()
def run(
    topic_name: TopicOption = None,
    all_topics: AllTopicsOption = False,
    max_messages: Annotated[
        int | None, typer.Option(min=1, max=MAX_INT64, help="read at most this many offsets")
    ] = None,
    max_bytes: Annotated[
        int | None,
        typer.Option(
            min=1, max=MAX_INT64, help="read about this many bytes, as the broker stores them"
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="stop before the first message of this time or later; ISO 8601"),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="run continuously, until Ctrl-C")
    ] = False,
    batch_interval: Annotated[
        float,
        typer.Option(
            min=0,
            max=86_400,
            help="with --follow: minimum seconds from the start of a batch to the next",
        ),
    ] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON")] = False,
) -> None:
    """Ingest the new messages of the topic into the raw table, exactly once.

    Examples: `python -m ingest run`, `python -m ingest run --max-messages 100000`,
    `python -m ingest run --follow --batch-interval 1`,
    `python -m ingest run --until 2018-01-28T00:00Z`
    """
    from ingest.operations.follow import follow as follow_topic
    from ingest.operations.replay import parse_time
    from ingest.plan import BatchLimits
    from ingest.run import opened

    end = None if until is None else parse_time(until)
    for configured in _configured(topic_name, all_topics):
        limits = BatchLimits(
            max_messages or configured.max_messages, max_bytes or configured.max_bytes, end
        )
        if follow:
            if all_topics:
                raise BadSetting(
                    "--follow takes one topic, not --all", "start one process for each topic"
                )
            with working("following") as progress:
                follow_topic(
                    configured,
                    limits,
                    batch_interval,
                    lambda job, state, result: _report(job, state, result, as_json),
                    progress,
                )
            continue
        with working("ingesting") as progress, opened(configured, progress) as job:
            state = job.state
            result = job.run(limits, state)
            if result is not None:
                state = result.state or job.read_state()
            _report(job, state, result, as_json)


def _configured(topic_name: str | None, all_topics: bool) -> list[Settings]:
    if not all_topics:
        return [load(topic=topic_name)]
    topics = load().topics
    if not topics:
        raise BadSetting(
            "--all takes the topics from the configuration file, and it has none",
            "add a table for each topic to ingest.toml, for example [topics.assess]",
        )
    configured = [load(topic=name) for name in topics]
    check_tables({one.topic: one.raw_table for one in configured})
    return configured


def _report(job: "Job", state: "TableState", result: "BatchResult | None", as_json: bool) -> None:
    """Print the result of a run, and write the metrics file if one is configured."""
    from ingest.operations import metrics

    figures = metrics.of(job, state, result)
    if job.settings.metrics_file is not None:
        metrics.write(job.settings.metrics_file, figures)
    for partition in result.at_risk if result else ():
        say(
            f"warning: {job.source.name} partition {partition}: Kafka may delete messages before "
            "they are read; run more often, or keep messages longer"
        )
    if as_json:
        print(json.dumps(figures), flush=True)
    elif result is None:
        console.print(f"nothing new in {job.source.name}")
    else:
        ranges = ", ".join(f"{r.partition}: {r.start}-{r.end - 1}" for r in result.ranges)
        console.print(
            f"batch {result.batch_id}: {result.rows:,} messages into {job.table} "
            f"in {result.seconds:.1f} s (offsets {ranges})"
        )


@app.command()
def plan(
    topic_name: TopicOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show what a run would read. Writes nothing.

    Example: `python -m ingest plan`
    """
    from ingest.plan import BatchLimits
    from ingest.run import opened

    configured = load(topic=topic_name)
    with opened(configured, read_only=True) as job:
        batch_plan = job.plan(BatchLimits(configured.max_messages, configured.max_bytes), job.state)
        mean = job.source.mean_bytes(batch_plan.topic)
    rows = [
        {
            "partition": r.partition,
            "start": r.start,
            "end": r.end,
            "offsets": r.size,
            "bytes": round(r.size * mean[r.partition]),
            "headroom": batch_plan.headroom[r.partition],
        }
        for r in batch_plan.ranges
    ]
    if as_json:
        print(json.dumps({"topic": configured.topic, "ranges": rows}))
        return
    if not rows:
        console.print(f"nothing new in {configured.topic}")
        return
    print_table(rows)


@app.command()
def status(
    topic_name: TopicOption = None,
    all_topics: AllTopicsOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show the lag of the raw table behind the topic. Writes nothing.

    Example: `python -m ingest status --json`
    """
    from ingest import raw_table
    from ingest.spark import connected

    for configured in _configured(topic_name, all_topics):
        with Source(configured) as source, connected(configured) as spark:
            topic = source.describe()
            exists = spark.catalog.tableExists(configured.raw_table)
            if exists:
                raw_table.check_topic(spark, configured.raw_table, configured.topic)
            state = raw_table.read_state(spark, configured.raw_table) if exists else raw_table.EMPTY
        rows = [
            {
                "partition": p,
                "committed": state.offsets.get(p),
                "begin": topic.begin[p],
                "end": end,
                "lag": end - state.offsets.get(p, topic.begin[p]),
                "headroom": state.offsets.get(p, topic.begin[p]) - topic.begin[p],
            }
            for p, end in topic.end.items()
        ]
        age = None if state.at is None else (datetime.now(UTC) - state.at).total_seconds()
        if as_json:
            summary = {"topic": topic.name, "table": configured.raw_table, "batch": state.batch_id}
            print(json.dumps({**summary, "age_seconds": age, "partitions": rows}))
            continue
        ago = "" if age is None else f", committed {age:,.0f} s ago"
        console.print(f"{configured.raw_table}: the last batch is {state.batch_id}{ago}")
        print_table(rows)


app.add_typer(operations.app)
