"""The commands of `python -m sample`."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

import sample
from ingest.command_line import TopicOption, command_group, console, working
from ingest.errors import BadFile
from ingest.settings import load
from sample import files

app = command_group(
    "Generate synthetic messages, and publish messages to a Kafka topic.\n\n"
    "Kafka and the topic are named by `ASSAY_KAFKA` and `ASSAY_TOPIC`.",
)


@app.command()
def generate(
    messages: Annotated[
        int, typer.Option("--messages", "-n", min=1, max=100_000_000, help="number of messages")
    ] = sample.MESSAGES,
    seed: Annotated[int, typer.Option(help="seed of the random numbers")] = sample.SEED,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="default: standard output")
    ] = None,
) -> None:
    """Generate synthetic messages as JSON lines; they are the same on every machine.

    Example: `python -m sample generate -n 100000 | python -m sample publish -`
    """
    lines = (message + b"\n" for message in sample.generate(messages, seed))
    if output is None:
        sys.stdout.buffer.writelines(lines)
        return
    if not output.name:
        raise BadFile(f"{str(output)!r} is not a file name", "name a file that can be written")
    unfinished = output.with_name(output.name + ".unfinished")
    try:
        with unfinished.open("wb") as file:
            file.writelines(lines)
        unfinished.replace(output)
    except (OSError, ValueError) as error:  # a path with a NUL
        raise BadFile(
            f"cannot write {output}: {getattr(error, 'strerror', None) or error}",
            "name a folder that exists and has free space",
        ) from error
    finally:
        with suppress(OSError, ValueError):
            unfinished.unlink()
    console.print(f"wrote {messages:,} messages to {output}")


@app.command()
def publish(
    file: Annotated[str, typer.Argument(help="JSON array or JSON lines, maybe gzipped; -: stdin")],
    topic_name: TopicOption = None,
    key_field: Annotated[str, typer.Option(help="field whose value is the key")] = "keen_id",
) -> None:
    """Publish a file's messages in one transaction: consumers read all of them, or none.

    Examples: `python -m sample publish attempts.json.gz`, `zcat a.gz | python -m sample publish -`
    """
    from sample.publish import publish as publish_messages

    configured = load(topic=topic_name)
    with working("publishing") as progress:
        count = publish_messages(
            configured,
            files.messages(file),
            key_field,
            lambda count: progress(f"{count:,} messages"),
        )
    console.print(f"published {count:,} messages to {configured.topic}")
