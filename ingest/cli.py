"""The commands of `python -m ingest`."""

import json
import math
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer
from kafka.consumer.fetcher import ConsumerRecord
from rich.markup import escape
from rich.table import Table

from ingest import files, sample
from ingest.errors import BadFile, BadSetting, Unwell
from ingest.output import console, errors, finish, prepare, reporting, say
from ingest.settings import MAX_INT64, Settings, check_tables, load
from ingest.topic import Source

if TYPE_CHECKING:
    from ingest.run import Done, Job

P = ParamSpec("P")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Move the messages of a Kafka topic into a raw table, exactly once.\n\n"
    "Kafka, Spark and the topic are named by `ASSAY_KAFKA`, `ASSAY_SPARK` and `ASSAY_TOPIC`.",
)
topic_app = typer.Typer(no_args_is_help=True, help="Create or describe the topic.")
app.add_typer(topic_app, name="topic")
accept_app = typer.Typer(no_args_is_help=True, help="Decide what only a person can; recorded.")
app.add_typer(accept_app, name="accept")

TopicOption = Annotated[str | None, typer.Option("--topic", help="default: ASSAY_TOPIC, assess")]


def reporting_errors(function: Callable[P, None]) -> Callable[P, None]:
    """End a command with one clear message and the error's exit code."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        with reporting():
            function(*args, **kwargs)

    return wrapped


def _number(value: float) -> float:
    """Refuse what is not a number, which no bound refuses."""
    if math.isnan(value):
        raise typer.BadParameter("nan is not a number.")
    return value


@contextmanager
def working(doing: str) -> Iterator[Callable[[str], None]]:
    """Show progress on standard error: a spinner on a terminal, plain lines elsewhere."""
    if not errors.is_terminal:
        yield lambda message: say(f"  {message}")
        return
    with errors.status(doing) as spinner:
        yield lambda message: spinner.update(f"{doing}: {message}")


@topic_app.command("create")
@reporting_errors
def topic_create(
    topic_name: TopicOption = None,
    partitions: Annotated[int, typer.Option(min=1, max=10_000, help="number of partitions")] = 3,
    replication: Annotated[
        int, typer.Option(min=1, max=32_767, help="copies of each partition")
    ] = 1,
) -> None:
    """Create the topic. Harmless when it is already there.

    Example: `python -m ingest topic create --partitions 6`
    """
    with Source(load(topic=topic_name)) as source:
        new = source.create(partitions, replication)
    console.print(f"{'created' if new else 'there already:'} {source.name}")


@topic_app.command("describe")
@reporting_errors
def topic_describe(topic_name: TopicOption = None) -> None:
    """Show the topic's identity and what it holds.

    Example: `python -m ingest topic describe`
    """
    with Source(load(topic=topic_name)) as source:
        found = source.describe()
    console.print(f"topic {found.name}, id {found.topic_id}, cluster {found.cluster_id}")
    table = Table("partition", "begin", "end", "offsets", box=None)
    for partition, end in found.end.items():
        begin = found.begin[partition]
        table.add_row(str(partition), f"{begin:,}", f"{end:,}", f"{end - begin:,}")
    console.print(table)


@app.command(name="sample")
@reporting_errors
def sample_command(
    messages: Annotated[
        int, typer.Option("--messages", "-n", min=1, max=100_000_000, help="how many")
    ] = 3280,
    seed: Annotated[int, typer.Option(help="another seed, another sample")] = sample.SEED,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="default: print")] = None,
) -> None:
    """Generate messages of the real shape, as JSON lines; the same on every machine.

    Example: `python -m ingest sample -n 100000 | python -m ingest publish -`
    """
    lines = (message + b"\n" for message in sample.generate(messages, seed))
    if output is None:
        sys.stdout.buffer.writelines(lines)
        return
    if not output.name:
        raise BadFile(f"{str(output)!r} is no name of a file", "name one that can be written")
    unfinished = output.with_name(output.name + ".unfinished")
    try:
        with unfinished.open("wb") as file:
            file.writelines(lines)
        unfinished.replace(output)
    except (OSError, ValueError) as error:  # a path with a NUL
        raise BadFile(
            f"cannot write {output}: {getattr(error, 'strerror', None) or error}",
            "name a folder that exists and has room",
        ) from error
    finally:
        with suppress(OSError, ValueError):
            unfinished.unlink()
    console.print(f"wrote {messages:,} messages to {output}")


@app.command()
@reporting_errors
def publish(
    file: Annotated[str, typer.Argument(help="JSON array or JSON lines, maybe gzipped; - reads")],
    topic_name: TopicOption = None,
    key_field: Annotated[str, typer.Option(help="field whose value is the key")] = "keen_id",
) -> None:
    """Publish a file's messages in one transaction: readers see all of them, or none.

    Examples: `python -m ingest publish attempts.json.gz`, `zcat a.gz | python -m ingest publish -`
    """
    from ingest.publish import publish as publish_messages

    configured = load(topic=topic_name)
    with working("publishing") as progress:
        count = publish_messages(
            configured,
            files.messages(file),
            key_field,
            lambda count: progress(f"{count:,} messages"),
        )
    console.print(f"published {count:,} messages to {configured.topic}")


@app.command()
@reporting_errors
def read(
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_INT64, help="how many at most")
    ] = 10,
    topic_name: TopicOption = None,
    values: Annotated[bool, typer.Option("--values", help="print the values only")] = False,
) -> None:
    """Look at the topic's first messages.

    Example: `python -m ingest read --limit 1 --values | python -m json.tool`
    """
    with Source(load(topic=topic_name)) as source:
        for record in source.look(limit):
            _print_record(record, values)


def _iso(milliseconds: int) -> str:
    """A record's timestamp as ISO 8601; as its number of milliseconds where no date can say it."""
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
@reporting_errors
def run(
    topic_name: TopicOption = None,
    all_topics: Annotated[
        bool, typer.Option("--all", help="every topic of the configuration file")
    ] = False,
    max_messages: Annotated[
        int | None, typer.Option(min=1, max=MAX_INT64, help="take at most so many offsets")
    ] = None,
    max_bytes: Annotated[
        int | None,
        typer.Option(
            min=1, max=MAX_INT64, help="take about so many bytes, as the broker stores them"
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="leave what is of this time or later; ISO 8601")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="keep going until Ctrl-C")] = False,
    latency: Annotated[
        float,
        typer.Option(
            min=0,
            max=86_400,
            callback=_number,
            help="with --follow: seconds from one batch to the next",
        ),
    ] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="print figures for machines")] = False,
) -> None:
    """Bring what is new from the topic into the raw table, exactly once.

    Examples: `python -m ingest run`, `python -m ingest run --max-messages 100000`,
    `python -m ingest run --follow --latency 1`, `python -m ingest run --until 2018-01-28T00:00Z`
    """
    from ingest.follow import follow as follow_topic
    from ingest.replay import moment
    from ingest.run import Bounds, opened

    bound = None if until is None else moment(until)
    for configured in _configured(topic_name, all_topics):
        bounds = Bounds(
            max_messages or configured.max_messages, max_bytes or configured.max_bytes, bound
        )
        if follow:
            if all_topics:
                raise BadSetting("--follow follows one topic", "start one process for each topic")
            with working("following") as progress:
                follow_topic(configured, bounds, latency, _reporter(as_json), progress)
            continue
        with working("ingesting") as progress, opened(configured, progress) as job:
            done = job.run(bounds)
            _report(job, done, as_json)


def _configured(topic_name: str | None, all_topics: bool) -> list[Settings]:
    if not all_topics:
        return [load(topic=topic_name)]
    topics = load().topics
    if not topics:
        raise BadSetting(
            "--all names the topics of the configuration file, and it has none",
            "give each a table in ingest.toml, for example [topics.assess]",
        )
    configured = [load(topic=name) for name in topics]
    check_tables({one.topic: one.raw_table for one in configured})
    return configured


def _reporter(as_json: bool) -> "Callable[[Job, Done], None]":
    return lambda job, done: _report(job, done, as_json)


def _report(job: "Job", done: "Done | None", as_json: bool) -> None:
    """Say what a run did, and leave its figures where they are wanted."""
    from ingest import metrics

    figures = metrics.of(job, done)
    if job.settings.metrics_file is not None:
        metrics.write(job.settings.metrics_file, figures)
    for partition in done.endangered if done else ():
        say(
            f"warning: {job.source.name} partition {partition}: Kafka may delete messages before "
            "they are read; run more often, or keep messages longer"
        )
    if as_json:
        print(json.dumps(figures), flush=True)
    elif done is None:
        console.print(f"nothing new in {job.source.name}")
    else:
        ranges = ", ".join(f"{r.partition}: {r.start}-{r.end - 1}" for r in done.ranges)
        console.print(
            f"batch {done.batch_id}: {done.rows:,} messages into {job.table} "
            f"in {done.seconds:.1f} s (offsets {ranges})"
        )


@app.command()
@reporting_errors
def plan(
    topic_name: TopicOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Show what a run would read. Writes nothing.

    Example: `python -m ingest plan`
    """
    from ingest.run import Bounds, opened

    configured = load(topic=topic_name)
    with opened(configured, only_looking=True) as job:
        planned = job.plan(Bounds(configured.max_messages, configured.max_bytes))
        mean = job.source.mean_bytes(planned.topic)
    rows = [
        {
            "partition": r.partition,
            "start": r.start,
            "end": r.end,
            "offsets": r.size,
            "bytes": round(r.size * mean[r.partition]),
            "headroom": planned.headroom[r.partition],
        }
        for r in planned.ranges
    ]
    if as_json:
        print(json.dumps({"topic": configured.topic, "ranges": rows}))
        return
    if not rows:
        console.print(f"nothing new in {configured.topic}")
        return
    _print_table(rows)


@app.command()
@reporting_errors
def status(
    topic_name: TopicOption = None,
    all_topics: Annotated[
        bool, typer.Option("--all", help="every topic of the configuration file")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Show how far the raw table is behind the topic. Writes nothing.

    Example: `python -m ingest status --json`
    """
    from ingest import commit as raw
    from ingest.spark import connected

    for configured in _configured(topic_name, all_topics):
        with Source(configured) as source, connected(configured) as spark:
            topic = source.describe()
            there = spark.catalog.tableExists(configured.raw_table)
            if there:
                raw.check_topic(spark, configured.raw_table, configured.topic)
            base = raw.committed(spark, configured.raw_table) if there else raw.NOTHING
        rows = [
            {
                "partition": p,
                "committed": base.offsets.get(p),
                "begin": topic.begin[p],
                "end": end,
                "lag": end - base.offsets.get(p, topic.begin[p]),
                "headroom": base.offsets.get(p, topic.begin[p]) - topic.begin[p],
            }
            for p, end in topic.end.items()
        ]
        age = None if base.at is None else (datetime.now(UTC) - base.at).total_seconds()
        if as_json:
            said = {"topic": topic.name, "table": configured.raw_table, "batch": base.batch_id}
            print(json.dumps({**said, "age_seconds": age, "partitions": rows}))
            continue
        ago = "" if age is None else f", committed {age:,.0f} s ago"
        console.print(f"{configured.raw_table}: the last batch is {base.batch_id}{ago}")
        _print_table(rows)


@app.command()
@reporting_errors
def replay(
    start: Annotated[str, typer.Option("--from", help="partition:offset,… or a time")],
    end: Annotated[str, typer.Option("--to", help="the same; not included")],
    topic_name: TopicOption = None,
) -> None:
    """Read committed ranges again and replace their rows. Twice is the same as once.

    Examples: `python -m ingest replay --from 0:100 --to 0:200`,
    `python -m ingest replay --from 2018-01-28T00:00Z --to 2018-01-29T00:00Z`
    """
    from ingest.replay import check_order, place
    from ingest.replay import replay as replay_ranges
    from ingest.run import opened

    places = place(start), place(end)
    check_order(*places)
    with working("replaying") as progress, opened(load(topic=topic_name), progress) as job:
        done = replay_ranges(job, *places)
    if done is None:
        console.print("there is nothing between these places")
        return
    ranges = ", ".join(f"{r.partition}: {r.start}-{r.end - 1}" for r in done.ranges)
    console.print(f"batch {done.batch_id}: replayed {done.rows:,} messages (offsets {ranges})")


@accept_app.command("recreated")
@reporting_errors
def accept_recreated(topic_name: TopicOption = None) -> None:
    """Take a topic that was made anew for the right one, and read it from its beginning.

    Example: `python -m ingest accept recreated --topic assess`
    """
    from ingest import accept
    from ingest.run import opened

    with opened(load(topic=topic_name)) as job:
        batch = accept.recreated(job)
    console.print(
        f"batch {batch.batch_id}: from now on {job.source.name} is the topic {batch.topic_id}, "
        "read from its beginning; what came from the old one stays"
    )


@accept_app.command("gap")
@reporting_errors
def accept_gap(
    topic_name: TopicOption = None,
    partition: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="only this one")
    ] = None,
) -> None:
    """Give up what Kafka deleted before it was read, and read on from what is left.

    Example: `python -m ingest accept gap --partition 2`
    """
    from ingest import accept
    from ingest.run import opened

    with opened(load(topic=topic_name)) as job:
        batch = accept.gap(job, partition)
    lost = ", ".join(f"{p}: {start}-{end - 1}" for p, start, end, *_ in batch.ranges)
    console.print(f"batch {batch.batch_id}: recorded as lost: offsets {lost}")


@accept_app.command("skip")
@reporting_errors
def accept_skip(
    at: Annotated[str, typer.Argument(help="partition:offset, as the error names it")],
    topic_name: TopicOption = None,
) -> None:
    """Pass over a record that cannot be decoded, or a broken batch that starts there.

    Example: `python -m ingest accept skip 0:1234`
    """
    from ingest import accept
    from ingest.replay import place
    from ingest.run import opened

    places = place(at)
    if not isinstance(places, dict) or len(places) != 1:
        raise BadSetting(f"{at!r} is not partition:offset", "give for example 0:1234")
    [(partition, offset)] = places.items()
    with opened(load(topic=topic_name)) as job:
        batch = accept.skip(job, partition, offset)
    console.print(f"batch {batch.batch_id}: partition {partition} offset {offset} is passed over")


@app.command(name="maintain")
@reporting_errors
def maintain_command(
    topic_name: TopicOption = None,
    keep_hours: Annotated[
        float,
        typer.Option(
            min=0, max=876_000, callback=_number, help="how long old snapshots stay readable"
        ),
    ] = 24,
) -> None:
    """Join small files, expire old snapshots, delete orphan files. Safe beside everything else.

    Example: `python -m ingest maintain --keep-hours 48`
    """
    from ingest.maintain import maintain
    from ingest.run import opened

    with working("maintaining") as progress, opened(load(topic=topic_name), progress) as job:
        done = maintain(
            job.spark, job.source.name, job.table, timedelta(hours=keep_hours), progress
        )
    _print_table([vars(one) for one in done])


@app.command()
@reporting_errors
def doctor(topic_name: TopicOption = None) -> None:
    """Look at everything ingest depends on. Exit code 24 if something is wrong.

    Example: `python -m ingest doctor`
    """
    from ingest.doctor import examine

    ill = 0
    for finding in examine(load(topic=topic_name)):
        mark = "[green]ok[/]" if finding.remedy is None else "[red]!![/]"
        console.print(f"{mark} {escape(finding.what)}: {escape(finding.seen)}")
        if finding.remedy is not None:
            ill += 1
            console.print(f"   remedy: {escape(finding.remedy)}")
    if ill:
        raise Unwell(f"{ill} of these are not as they should be", "each has its remedy above")


def _print_table(rows: "list[dict[str, Any]]") -> None:
    table = Table(*(name.replace("_", " ") for name in rows[0]), box=None)
    for row in rows:
        table.add_row(
            *(
                "none" if cell is None else cell if isinstance(cell, str) else f"{cell:,}"
                for cell in row.values()
            )
        )
    console.print(table)


def main() -> None:
    """Run a command, and end with its exit code, without a word after the last of it."""
    prepare()
    try:
        with reporting():
            app(prog_name="python -m ingest", standalone_mode=True)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
    finally:
        finish()
        # What is left is to end: connections and threads are closed undisturbed.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
