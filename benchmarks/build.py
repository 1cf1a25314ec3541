"""Time a full build, and an incremental one after 1 % new messages; DuckDB as the yardstick.

Usage: python -m benchmarks.build [--messages 1000000] [--keep]

The services are the benchmark's own: state in `.stack-bench`, other ports. DuckDB parses and counts
the same messages in one process, from a file: it shows what the rows themselves cost, without
Kafka, HDFS, a catalog, tests, or anyone else who reads meanwhile.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ingest import sample
from stack.settings import ROOT, Settings

OFFSET = "600"
TARGET = 0.15
console = Console(highlight=False, soft_wrap=True)

# The figures that both make: the attempts, each once, their questions and ticks, and who took what.
YARDSTICK = """
create table messages as
select
    row_number() over () as place,
    value->>'keen_id' as attempt_id,
    value->>'exam_name' as exam_name,
    value->>'base_exam_id' as base_exam_id,
    (value->>'started_at')::timestamptz as started_at,
    (value->>'$.sequences.counts.correct')::int as correct_count,
    (value->>'$.sequences.counts.total')::int as question_count,
    from_json(
        value->'$.sequences.questions',
        '[{"id":"VARCHAR","user_result":"VARCHAR","user_correct":"BOOLEAN",
           "options":[{"id":"VARCHAR","checked":"BOOLEAN","correct":"BOOLEAN","at":"VARCHAR"}]}]'
    ) as questions
from read_ndjson_objects('{file}') as lines (value);

create table attempts as
select *, count(*) over (partition by attempt_id) as message_count
from messages
qualify row_number() over (partition by attempt_id order by place) = 1;

create table questions as
select
    attempt_id, base_exam_id,
    generate_subscripts(questions, 1) as question_position,
    unnest(questions) as question
from attempts;

create table options as
select
    attempt_id, base_exam_id, question_position, question.id as question_id,
    generate_subscripts(question.options, 1) as option_position,
    unnest(question.options) as option
from questions;

create table responses as
select
    attempt_id, question_position,
    count(*) as option_count,
    count(*) filter (option.correct) as right_option_count,
    count(*) filter (option.checked and option.correct) as right_choice_count,
    count(*) filter (option.checked and not coalesce(option.correct, false)) as wrong_choice_count
from options
group by all;

create table choices as
select attempt_id, question_position, option_position, question_id, option.id as option_id
from options where option.checked;

create table course_popularity as
select exam_name, sum(message_count) as messages, count(*) as attempts from attempts group by all;

create table average_score as
select
    sum(message_count * correct_count / question_count) / sum(message_count)
    filter (question_count is not null) as over_messages,
    avg(correct_count / question_count) as over_attempts
from attempts;
"""


def main(
    messages: Annotated[int, typer.Option(help="before the 1 % that is new", min=1000)] = 1_000_000,
    keep: Annotated[bool, typer.Option(help="leave the services and their data")] = False,
) -> None:
    """Run the benchmark and print what it found."""
    os.environ |= {"ASSAY_STATE": str(ROOT / ".stack-bench"), "ASSAY_PORT_OFFSET": OFFSET}
    os.environ |= {"DBT_TARGET_PATH": str(ROOT / ".stack-bench" / "dbt")}
    settings = Settings()
    new = messages // 100
    seconds: dict[str, float] = {}
    try:
        run("reset", "stack", "reset", "--yes")
        run("services", "stack", "up")
        os.environ |= settings.client_environment()
        first, more = write_samples(settings.state, messages, new)
        run("topic", "ingest", "topic", "create", "--topic", "assess")
        run("publish", "ingest", "publish", str(first), "--topic", "assess")
        seconds["ingest"] = run("ingest", "ingest", "run", "--topic", "assess")
        seconds["full build"], models = build(settings.state)
        seconds["full build, models alone"] = models
        run("publish 1 %", "ingest", "publish", str(more), "--topic", "assess")
        seconds["ingest 1 %"] = run("ingest 1 %", "ingest", "run", "--topic", "assess")
        seconds["incremental build"], models = build(settings.state)
        seconds["incremental build, models alone"] = models
        seconds["DuckDB, all from one file"] = yardstick(first)
    finally:
        if not keep:
            run("reset", "stack", "reset", "--yes")
    report(messages, new, seconds)


def run(title: str, module: str, *arguments: str) -> float:
    """Run one of our commands and return how many seconds it took."""
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, check=True, capture_output=True
    )
    console.print(f"{title}: {time.monotonic() - begun:.1f} s")
    return time.monotonic() - begun


def build(state: Path) -> tuple[float, float]:
    """Build, audit and publish; seconds in all, and of the models and what is between them."""
    begun = time.monotonic()
    program = str(Path(sys.executable).with_name("dbt"))
    subprocess.run(
        [program, "--quiet", "build", "--exclude-resource-type", "unit_test"], cwd=ROOT, check=True
    )
    seconds = time.monotonic() - begun
    results = json.loads((state / "dbt" / "run_results.json").read_text())["results"]
    models = sum(r["execution_time"] for r in results if r["unique_id"].startswith("model."))
    models /= len({r["thread_id"] for r in results})
    console.print(f"build: {seconds:.1f} s, of which each thread spent {models:.1f} s on models")
    return seconds, models


def write_samples(folder: Path, messages: int, new: int) -> tuple[Path, Path]:
    """Two files: the messages that are there at first, and those that come then."""
    first, more = folder / "first.jsonl", folder / "more.jsonl"
    with first.open("wb") as one, more.open("wb") as other:
        for number, value in enumerate(sample.generate(messages + new)):
            (one if number < messages else other).write(value + b"\n")
    return first, more


def yardstick(file: Path) -> float:
    """The seconds that DuckDB takes for the same rows."""
    import duckdb

    begun = time.monotonic()
    with duckdb.connect() as connection:
        connection.execute(YARDSTICK.replace("{file}", str(file)))
        [(courses,)] = connection.execute("select count(*) from course_popularity").fetchall()
    assert courses
    return time.monotonic() - begun


def report(messages: int, new: int, seconds: dict[str, float]) -> None:
    """Print the figures and the ratio that is wanted."""
    table = Table("step", "seconds", title=f"{messages:,} messages, then {new:,} more")
    for step, took in seconds.items():
        table.add_row(step, f"{took:.1f}")
    console.print(table)
    ratio = seconds["incremental build"] / seconds["full build"]
    console.print(f"incremental build: {ratio:.1%} of the full one (wanted: at most {TARGET:.0%})")


if __name__ == "__main__":
    typer.run(main)
