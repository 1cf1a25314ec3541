"""Measure whole builds of increasing numbers of messages, then builds with little or nothing new.

Usage: python -m benchmarks.build [--messages 10000 --messages 1000000] [--against COMMIT]

The benchmark has its own services: state in `.stack-bench`, other ports. The largest build is
compared with two baselines on the same messages: an earlier commit of this project, and DuckDB
(`duckdb_models`), which makes the same tables in one process from a file. DuckDB shows the cost of
the rows alone, without Kafka, HDFS, a catalog, tests and concurrent readers.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer
from pyhive import hive
from rich.console import Console
from rich.table import Table

import sample
from benchmarks import duckdb_models, footprint
from stack.settings import HOST, ROOT, Settings

STATE = ROOT / ".stack-bench"
SAMPLES = ROOT / ".stack-bench-samples"
OFFSET = "600"
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
console = Console(highlight=False, soft_wrap=True)


def main(
    messages: Annotated[
        list[int], typer.Option(help="number of messages of a whole build; can be repeated")
    ] = [  # noqa: B006
        10_000,
        100_000,
        1_000_000,
    ],
    against: Annotated[str, typer.Option(help="an earlier commit, built in the same run")] = "",
    keep: Annotated[bool, typer.Option(help="keep the services and their data")] = False,
) -> None:
    """Run the benchmark and print its results."""
    use_own_services()
    whole: dict[int, float] = {}
    others: dict[str, float] = {}
    baselines: dict[str, float] = {}
    try:
        for size in sorted(messages):
            console.rule(f"{size:,} messages")
            run("reset", ROOT, "-m", "stack", "reset", "--yes")
            first, more = write_samples(size, size // 100)
            ingest(ROOT, first, new=True)
            whole[size] = build(ROOT)
        peak = footprint.peak_memory(STATE)["spark"]
        console.print(f"Spark had {peak / 1e9:.1f} GB at most")
        baselines["the same tables by DuckDB"] = by_duckdb(first)
        others["nothing new"] = build(ROOT)
        ingest(ROOT, more)
        others["1 % new"] = build(ROOT)
        others["the models alone, full refresh"] = build(ROOT, "run", "--full-refresh")
        if against:
            with checked_out(against) as folder:
                console.rule(f"commit {against}")
                run("reset", ROOT, "-m", "stack", "reset", "--yes")
                ingest(folder, first, new=True)
                baselines[f"commit {against}, with tests"] = build(folder)
    finally:
        if not keep:
            run("reset", ROOT, "-m", "stack", "reset", "--yes")
            shutil.rmtree(SAMPLES, ignore_errors=True)
    report(whole, others, baselines)


def use_own_services() -> None:
    """Set the variables by which all commands find the benchmark's own services."""
    os.environ |= {"ASSAY_STATE": str(STATE), "ASSAY_PORT_OFFSET": OFFSET}
    os.environ |= {"DBT_TARGET_PATH": str(STATE / "dbt"), "DBT_LOG_PATH": str(STATE / "dbt")}
    os.environ |= Settings().client_environment()


def run(title: str, root: Path, *arguments: str) -> float:
    """Run a Python command in a checkout, print and return how many seconds it took.

    Raises:
        SystemExit: the command failed; the end of its output is printed.
    """
    begun = time.monotonic()
    result = subprocess.run(
        [sys.executable, *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        sys.exit(f"{' '.join(arguments)} failed:\n{(result.stdout + result.stderr)[-3000:]}")
    seconds = time.monotonic() - begun
    console.print(f"{title}: {seconds:.1f} s")
    return seconds


def ingest(root: Path, file: Path, *, new: bool = False) -> float:
    """Publish a file and ingest it; returns the seconds of the ingest.

    With `new`, the services are started and the topic is created first.
    """
    if new:
        run("services", root, "-m", "stack", "up")
        run("topic", root, "-m", "ingest", "topic", "create", "--topic", "assess")
    run("publish", root, "-m", "sample", "publish", str(file), "--topic", "assess")
    return run("ingest", root, "-m", "ingest", "run", "--topic", "assess")


def build(root: Path, *arguments: str) -> float:
    """Run dbt, by default `dbt build` without unit tests, and return the seconds it took."""
    program = str(Path(sys.executable).with_name("dbt"))
    return run("build", root, program, "--quiet", *(arguments or ("build", *WITHOUT_UNIT_TESTS)))


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Check out a commit into a worktree of its own."""
    folder = ROOT / ".stack-bench-other"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--force", "--detach", str(folder), commit], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def write_samples(messages: int, new: int) -> tuple[Path, Path]:
    """Write two files: the messages of the whole build, and those that are new afterwards."""
    SAMPLES.mkdir(exist_ok=True)
    first, more = SAMPLES / "first.jsonl", SAMPLES / "more.jsonl"
    with first.open("wb") as one, more.open("wb") as other:
        for number, value in enumerate(sample.generate(messages + new)):
            (one if number < messages else other).write(value + b"\n")
    return first, more


def by_duckdb(file: Path) -> float:
    """Return DuckDB's seconds for the tables of the last build; prints differing row counts."""
    seconds, rows = duckdb_models.make_tables(STATE / "dbt", file)
    with closing(hive.connect(HOST, port=Settings().thrift_port)) as connection:
        cursor = connection.cursor()
        for name, count in rows.items():
            cursor.execute(f"select count(*) from {name}")
            if (expected := cursor.fetchall()[0][0]) != count:
                console.print(f"{name} has {count:,} rows in DuckDB, and {expected:,} in Spark")
    console.print(f"DuckDB: {seconds:.1f} s for {len(rows)} tables")
    return seconds


def cost_per_message(title: str, seconds_by_size: dict[int, float]) -> Table:
    """Return a table of the milliseconds a message, and a plot of those of each further one.

    The first row has no further messages: what it takes is mostly the same for any number.
    """
    table = Table("messages", f"{title}, s", "ms a message", "ms each further message", "")
    sizes = sorted(seconds_by_size)
    further = {
        size: (seconds_by_size[size] - seconds_by_size[fewer]) / (size - fewer)
        for fewer, size in pairwise(sizes)
    }
    for size in sizes:
        seconds, cost = seconds_by_size[size], further.get(size)
        bar = "█" * round(40 * cost / max(further.values())) if cost else ""
        table.add_row(
            f"{size:,}",
            f"{seconds:.1f}",
            f"{1000 * seconds / size:.3f}",
            f"{1000 * cost:.3f}" if cost else "",
            bar,
        )
    return table


def report(whole: dict[int, float], others: dict[str, float], baselines: dict[str, float]) -> None:
    """Print the figures, and their ratios to the largest whole build."""
    console.print(cost_per_message("whole build", whole))
    largest = whole[max(whole)]
    table = Table(f"with {max(whole):,} messages", "seconds", "of the whole build")
    for name, seconds in (others | baselines).items():
        table.add_row(name, f"{seconds:.1f}", f"{seconds / largest:.1%}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
