"""The commands of `python -m ingest` for operators: replay, accept, maintain, restore, doctor."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape

from ingest.command_line import TopicOption, console, print_table, working
from ingest.errors import BadSetting, ChecksFailed
from ingest.settings import load

app = typer.Typer()
accept_app = typer.Typer(
    no_args_is_help=True, help="Record a decision that only a person can take."
)
app.add_typer(accept_app, name="accept")


@app.command()
def replay(
    start: Annotated[str, typer.Option("--from", help="partition:offset,… or a time")],
    end: Annotated[str, typer.Option("--to", help="of the same form; excluded")],
    topic_name: TopicOption = None,
) -> None:
    """Read committed ranges again and replace their rows. Idempotent.

    Examples: `python -m ingest replay --from 0:100 --to 0:200`,
    `python -m ingest replay --from 2018-01-28T00:00Z --to 2018-01-29T00:00Z`
    """
    from ingest.operations.replay import check_order, parse_position
    from ingest.operations.replay import replay as replay_ranges
    from ingest.run import opened

    positions = parse_position(start), parse_position(end)
    check_order(*positions)
    with working("replaying") as progress, opened(load(topic=topic_name), progress) as job:
        result = replay_ranges(job, *positions)
    if result is None:
        console.print("there is nothing between these positions")
        return
    ranges = ", ".join(f"{r.partition}: {r.start}-{r.end - 1}" for r in result.ranges)
    console.print(f"batch {result.batch_id}: replayed {result.rows:,} messages (offsets {ranges})")


@accept_app.command("topic-recreated")
def accept_topic_recreated(topic_name: TopicOption = None) -> None:
    """Accept a recreated topic, and read it from its beginning.

    Example: `python -m ingest accept topic-recreated --topic assess`
    """
    from ingest.operations import accept
    from ingest.run import opened

    with opened(load(topic=topic_name)) as job:
        batch = accept.topic_recreated(job)
    console.print(
        f"batch {batch.batch_id}: accepted {job.source.name} with the topic id {batch.topic_id}; "
        "the next run reads it from its beginning, and the rows of the old topic stay"
    )


@accept_app.command("data-loss")
def accept_data_loss(
    topic_name: TopicOption = None,
    partition: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="only this partition")
    ] = None,
) -> None:
    """Accept that Kafka deleted messages before they were read, and continue after them.

    Example: `python -m ingest accept data-loss --partition 2`
    """
    from ingest.operations import accept
    from ingest.run import opened

    with opened(load(topic=topic_name)) as job:
        batch = accept.data_loss(job, partition)
    lost = ", ".join(f"{p}: {start}-{end - 1}" for p, start, end, *_ in batch.ranges)
    console.print(f"batch {batch.batch_id}: recorded as lost: offsets {lost}")


@accept_app.command("skip-records")
def accept_skip_records(
    at: Annotated[str, typer.Argument(help="partition:offset, as the error names it")],
    topic_name: TopicOption = None,
) -> None:
    """Skip a record that cannot be decoded, or a corrupt batch that starts at its offset.

    Example: `python -m ingest accept skip-records 0:1234`
    """
    from ingest.operations import accept
    from ingest.operations.replay import parse_position
    from ingest.run import opened

    positions = parse_position(at)
    if not isinstance(positions, dict) or len(positions) != 1:
        raise BadSetting(f"{at!r} is not partition:offset", "give for example 0:1234")
    [(partition, offset)] = positions.items()
    with opened(load(topic=topic_name)) as job:
        batch = accept.skip_records(job, partition, offset)
    console.print(f"batch {batch.batch_id}: partition {partition} offset {offset} is skipped")


@app.command(name="maintain")
def maintain_command(
    topic_name: TopicOption = None,
    keep_hours: Annotated[
        float,
        typer.Option(min=0, max=876_000, help="how long old snapshots stay readable"),
    ] = 24,
) -> None:
    """Compact files, expire old snapshots, delete orphan files. Safe beside runs and queries.

    Example: `python -m ingest maintain --keep-hours 48`
    """
    from ingest.operations.maintain import maintain
    from ingest.run import opened

    with working("maintaining") as progress, opened(load(topic=topic_name), progress) as job:
        result = maintain(
            job.spark, job.source.name, job.table, timedelta(hours=keep_hours), progress
        )
    print_table([vars(table) for table in result])


@app.command(name="restore")
def restore_command(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only show what would be registered")
    ] = False,
) -> None:
    """Register raw tables and the batch log again that the metastore has lost. Idempotent.

    Stop ingest and builds first. Tables that the metastore knows are left alone.

    Example: `python -m ingest restore --dry-run`
    """
    from ingest.operations import restore
    from ingest.spark import connected

    settings = load()
    with working("restoring") as progress, connected(settings) as spark:
        found = restore.find(spark, progress)
        if not dry_run and found.lost:
            restore.register(spark, found.lost, progress)
    for name in found.registered:
        console.print(f"{name} is registered already, and is left alone")
    for one in found.lost:
        batch = "" if one.last_batch is None else f", up to batch {one.last_batch}"
        console.print(
            f"{'would register' if dry_run else 'registered'} {one.table} with {one.rows:,} rows"
            f"{batch}, as it was at {one.file.updated:%Y-%m-%d %H:%M:%S} UTC: {one.file.path}"
        )
        for file in one.left_out:
            console.print(f"  left out, because HDFS lacks files of it: {file.path}")
    if found.lost and not dry_run:
        console.print("next: `python -m ingest run`, then `dbt build`")


@app.command()
def doctor(topic_name: TopicOption = None) -> None:
    """Check everything that ingest depends on. Exit code 24 if a check fails.

    Example: `python -m ingest doctor`
    """
    from ingest.operations.doctor import run_checks

    failed = 0
    for check in run_checks(load(topic=topic_name)):
        mark = "[green]ok[/]" if check.remedy is None else "[red]!![/]"
        console.print(f"{mark} {escape(check.name)}: {escape(check.detail)}")
        if check.remedy is not None:
            failed += 1
            console.print(f"   remedy: {escape(check.remedy)}")
    if failed:
        raise ChecksFailed(f"{failed} of these checks failed", "see the remedy of each above")
