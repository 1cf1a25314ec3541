"""The commands of `python -m ingest`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec

import typer
from rich.console import Console
from rich.table import Table

from ingest import files, sample, topic
from ingest.errors import BadFile, IngestError
from ingest.settings import Settings

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

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

TopicOption = Annotated[str | None, typer.Option("--topic", help="default: ASSAY_TOPIC, assess")]


def settings(topic_name: str | None) -> Settings:
    """The settings, with the topic of the command line if one is given."""
    return Settings() if topic_name is None else Settings(topic=topic_name)


def reporting_errors(function: Callable[P, None]) -> Callable[P, None]:
    """End a command with one clear message and the error's exit code."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except IngestError as error:
            errors.print(f"error: {error.problem}", style="red", markup=False)
            errors.print(f"remedy: {error.remedy}", markup=False)
            raise typer.Exit(error.exit_code) from error
        except BrokenPipeError:
            # The reader of our output (`| head`) has seen enough.
            sys.stderr.close()
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            errors.print("interrupted; what was not complete was not committed: run it again")
            raise typer.Exit(130) from None

    return wrapped


@contextmanager
def working(doing: str) -> Iterator[Callable[[str], None]]:
    """Show progress on standard error: a spinner on a terminal, plain lines elsewhere."""
    if not errors.is_terminal:
        yield lambda message: errors.print(f"  {message}", markup=False)
        return
    with errors.status(doing) as spinner:
        yield lambda message: spinner.update(f"{doing}: {message}")


@topic_app.command("create")
@reporting_errors
def topic_create(
    topic_name: TopicOption = None,
    partitions: Annotated[int, typer.Option(min=1, help="number of partitions")] = 3,
    replication: Annotated[int, typer.Option(min=1, help="copies of each partition")] = 1,
) -> None:
    """Create the topic. Harmless when it is already there.

    Example: `python -m ingest topic create --partitions 6`
    """
    configured = settings(topic_name)
    new = topic.create(configured.kafka, configured.topic, partitions, replication)
    console.print(f"{'created' if new else 'there already:'} {configured.topic}")


@topic_app.command("describe")
@reporting_errors
def topic_describe(topic_name: TopicOption = None) -> None:
    """Show the topic's identity and what it holds.

    Example: `python -m ingest topic describe`
    """
    configured = settings(topic_name)
    found = topic.describe(configured.kafka, configured.topic)
    console.print(f"topic {found.name}, id {found.topic_id}, cluster {found.cluster_id}")
    table = Table("partition", "begin", "end", "offsets", box=None)
    for partition, end in found.end.items():
        begin = found.begin[partition]
        table.add_row(str(partition), f"{begin:,}", f"{end:,}", f"{end - begin:,}")
    console.print(table)


@app.command(name="sample")
@reporting_errors
def sample_command(
    messages: Annotated[int, typer.Option("--messages", "-n", min=1, help="how many")] = 3280,
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
    unfinished = output.with_name(output.name + ".unfinished")
    try:
        with unfinished.open("wb") as file:
            file.writelines(lines)
        unfinished.replace(output)
    except OSError as error:
        raise BadFile(
            f"cannot write {output}: {error.strerror}", "name a folder that exists and has room"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
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

    configured = settings(topic_name)
    with working("publishing") as progress:
        count = publish_messages(
            configured.kafka,
            configured.topic,
            files.messages(file),
            key_field,
            lambda count: progress(f"{count:,} messages"),
        )
    console.print(f"published {count:,} messages to {configured.topic}")


@app.command()
@reporting_errors
def read(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="how many at most")] = 10,
    topic_name: TopicOption = None,
    values: Annotated[bool, typer.Option("--values", help="print the values only")] = False,
) -> None:
    """Look at the topic's first messages.

    Example: `python -m ingest read --limit 1 --values | python -m json.tool`
    """
    configured = settings(topic_name)
    for record in topic.look(configured.kafka, configured.topic, limit):
        value = b"(null)" if record.value is None else record.value
        if not values:
            at = datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(
                timespec="milliseconds"
            )
            key = "" if record.key is None else record.key.decode(errors="replace")
            head = f"partition {record.partition} offset {record.offset} {at} key {key}: "
            sys.stdout.buffer.write(head.encode())
        sys.stdout.buffer.write(value + b"\n")
    sys.stdout.flush()


@app.command()
@reporting_errors
def run(
    topic_name: TopicOption = None,
    max_messages: Annotated[
        int | None, typer.Option(min=1, help="take at most so many offsets")
    ] = None,
) -> None:
    """Bring what is new from the topic into the raw table, exactly once.

    Examples: `python -m ingest run`, `python -m ingest run --max-messages 100000`
    """
    from ingest.commit import table_of
    from ingest.run import run as run_once

    configured = settings(topic_name)
    with working("ingesting") as progress:
        batch = run_once(configured, max_messages, progress)
    if batch is None:
        console.print(f"nothing new in {configured.topic}")
        return
    ranges = ", ".join(f"{r.partition}: {r.start}-{r.end - 1}" for r in batch.ranges)
    console.print(
        f"batch {batch.batch_id}: {batch.rows:,} messages into {table_of(configured.topic)} "
        f"in {batch.seconds:.1f} s (offsets {ranges})"
    )


@app.command()
@reporting_errors
def status(
    topic_name: TopicOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Show how far the raw table is behind the topic.

    Example: `python -m ingest status --json`
    """
    from ingest.run import lags

    configured = settings(topic_name)
    found = lags(configured)
    if as_json:
        rows = [{**vars(lag), "lag": lag.lag} for lag in found]
        print(json.dumps({"topic": configured.topic, "partitions": rows}))
        return
    table = Table("partition", "committed", "begin", "end", "lag", box=None)
    for lag in found:
        known = "none" if lag.committed is None else f"{lag.committed:,}"
        table.add_row(str(lag.partition), known, f"{lag.begin:,}", f"{lag.end:,}", f"{lag.lag:,}")
    console.print(table)
