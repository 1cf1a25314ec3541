"""Measure ingest, builds and the dashboard's statements with increasing numbers of messages.

Usage: python -m benchmarks.scale [--messages 10000 --messages 1000000] [--cluster]

Each size begins with new services, those of `benchmarks.build`. The results are in docs/scale.md.
"""

import os
import shutil
import statistics
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated

import typer
from pyhive import hive
from rich.console import Console
from rich.table import Table

from benchmarks import footprint
from benchmarks.build import (
    SAMPLES,
    STATE,
    build,
    cost_per_message,
    ingest,
    run,
    use_own_services,
    write_samples,
)
from benchmarks.footprint import LongStage, Stored
from dashboard import queries
from stack.settings import HOST, ROOT, Settings

COURSE = "Learning Git"
MAX_SHARE = 0.6
console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Figures:
    """What was measured with one number of messages; all times in seconds.

    Attributes:
        increment: a build after 1 % more messages were ingested.
        statements: the median of each of the dashboard's statements, by its name.
        memory: peak bytes of each service.
        long_stages: stages of Spark that took longer than five seconds.
    """

    messages: int
    ingest: float
    full: float
    nothing_new: float
    increment: float
    statements: dict[str, float]
    memory: dict[str, int]
    stored: Stored
    long_stages: list[LongStage]


def main(
    messages: Annotated[list[int], typer.Option(help="number of messages; can be repeated")] = [  # noqa: B006
        10_000,
        100_000,
        1_000_000,
        3_000_000,
    ],
    cluster: Annotated[bool, typer.Option("--cluster", help="on the cluster")] = False,
    keep: Annotated[bool, typer.Option(help="keep the services and their data")] = False,
) -> None:
    """Run the benchmark and print its results."""
    os.environ["ASSAY_CLUSTER"] = str(cluster).lower()
    use_own_services()
    found = []
    try:
        for size in sorted(messages):
            console.rule(f"{size:,} messages")
            run("reset", ROOT, "-m", "stack", "reset", "--yes")
            found.append(measure(size, cluster))
    finally:
        if not keep:
            run("reset", ROOT, "-m", "stack", "reset", "--yes")
            shutil.rmtree(SAMPLES, ignore_errors=True)
    report(found)


def measure(size: int, cluster: bool) -> Figures:
    """Measure one number of messages on new services."""
    settings = Settings()
    ports = (settings.spark_ui_port, *((settings.connect_ui_port,) if cluster else ()))
    first, more = write_samples(size, size // 100)
    ingested = ingest(ROOT, first, new=True)
    stages = footprint.long_stages(ports)
    full = build(ROOT)
    stages |= footprint.long_stages(ports)
    nothing_new = build(ROOT)
    ingest(ROOT, more)
    increment = build(ROOT)
    stages |= footprint.long_stages(ports)
    statements = dashboard_statements()
    memory, stored = footprint.peak_memory(STATE), footprint.stored()
    return Figures(
        size,
        ingested,
        full,
        nothing_new,
        increment,
        statements,
        memory,
        stored,
        list(stages.values()),
    )


def dashboard_statements(times: int = 3) -> dict[str, float]:
    """Return the median seconds of each statement of the dashboard, one after another."""
    found = {}
    with closing(hive.connect(HOST, port=Settings().thrift_port)) as connection:
        for name, query in vars(queries).items():
            if isinstance(query, queries.Query):
                found[name.lower()] = statistics.median(
                    _timed(connection, query.sql) for _ in range(times)
                )
    return found


def _timed(connection: hive.Connection, sql: str) -> float:
    begun = time.monotonic()
    cursor = connection.cursor()
    cursor.execute(sql, {"exam": COURSE} if "%(exam)s" in sql else None)
    cursor.fetchall()
    return time.monotonic() - begun


def report(found: list[Figures]) -> None:
    """Print the figures: all of them by size, and the costs of a message."""
    table = Table("", *(f"{one.messages:,}" for one in found))
    rows: dict[str, list[str]] = {
        "ingest, s": [f"{one.ingest:.1f}" for one in found],
        "full build with tests, s": [f"{one.full:.1f}" for one in found],
        "build with nothing new, s": [f"{one.nothing_new:.1f}" for one in found],
        "build with 1 % new, s": [f"{one.increment:.1f}" for one in found],
        "all statements of the dashboard, s": [f"{sum(_times(one)):.1f}" for one in found],
        "the slowest of them, s": [f"{max(_times(one)):.2f}" for one in found],
        "files on HDFS": [f"{one.stored.files:,}" for one in found],
        "bytes on HDFS, MB": [f"{one.stored.bytes / 1e6:,.1f}" for one in found],
        "files of metadata": [f"{one.stored.metadata_files:,}" for one in found],
        "bytes of metadata, MB": [f"{one.stored.metadata_bytes / 1e6:,.1f}" for one in found],
    }
    for service in found[-1].memory:
        peaks = [one.memory.get(service, 0) / 1e6 for one in found]
        rows[f"memory of {service}, MB"] = [f"{peak:,.0f}" for peak in peaks]
    for title, cells in rows.items():
        table.add_row(title, *cells)
    console.print(table)
    for title, costs in (
        ("ingest", {one.messages: one.ingest for one in found}),
        ("full build", {one.messages: one.full for one in found}),
        ("increment", {one.messages // 100: one.increment for one in found}),
    ):
        console.print(cost_per_message(title, costs))
    for one in found:
        uneven = [stage for stage in one.long_stages if stage.share > MAX_SHARE]
        console.print(
            f"{one.messages:,} messages: {len(one.long_stages)} stages took longer than "
            f"{footprint.LONG_STAGE_SECONDS:.0f} s; in {len(uneven)} of them one task did more "
            f"than {MAX_SHARE:.0%} of the work"
        )
        for stage in uneven:
            console.print(f"  {stage.seconds:.1f} s, {stage.share:.0%}: {stage.statement}")


def _times(figures: Figures) -> list[float]:
    return list(figures.statements.values())


if __name__ == "__main__":
    typer.run(main)
