"""The demo, from Kafka to the answers: start the services, publish, ingest, build, and query.

Usage: python demo.py [FILE]     (`make demo`, `make demo DATA=FILE`)
"""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from stack import environment

with environment.importing_packages():
    import typer
    from rich.console import Console

    import sample
    from answers import print_answers
    from ingest.command_line import reporting
    from ingest.settings import load
    from ingest.topic import Source
    from sample import files
    from stack import command_line, lifecycle
    from stack.errors import StateUnusable, StepFailed
    from stack.settings import ROOT, Settings

TOPIC = "assess"
NEXT = """
Three ways in
  make sql                       SQL, here or from any client (docs/connect.md); try:
                                 select * from questions.answers;
  make notebook                  the study as a notebook, with plots
  make dashboard                 courses, questions and the pipeline in a browser

And then
  make answers                   these answers again
  docs/tutorial.md               ten minutes to a model of your own, with its test
  make demo DATA=attempts.json   the same with your own messages
  make down                      stop the services; the data is kept
"""

console = Console(highlight=False, soft_wrap=True)


def main(
    file: Annotated[str, typer.Argument(help="JSON array or JSON lines; default: the sample")] = "",
) -> None:
    """Run the pipeline, from Kafka to the answers, on the sample or on a file."""
    with reporting(), command_line.reporting():  # ingest's takes other errors for defects
        run(file)


def run(file: str) -> None:
    """Run the five steps: services, publish, ingest, build, answers."""
    begun = time.monotonic()
    if file:
        file = str(Path(file).expanduser().absolute())
    environment.keep_only([f"ASSAY_{field.upper()}" for field in Settings.model_fields])
    settings = lifecycle.as_running(command_line.settings())
    os.environ |= settings.client_environment()
    console.print(f"From Kafka to the answers, with {file or 'the sample'}", markup=False)
    with locked(settings):
        wanted = fingerprint(file)
        start_clean_if_other(settings, wanted)
        mode = ["--cluster"] if settings.cluster else []  # also after a reset
        step("services", "python", "-m", "stack", "up", *mode)
        if record(settings).get("published") == wanted:
            console.print("publish: the topic holds these messages already")
        else:
            publish(settings, file, wanted)
        step("ingest", "python", "-m", "ingest", "run", "--topic", TOPIC)
        build(settings, wanted)
        print_answers(settings)
    console.print(f"\nDone in {time.monotonic() - begun:.0f} s.\n{NEXT}", end="", markup=False)


def fingerprint(file: str) -> str:
    """Return a digest of all messages; a bad file fails here, before anything is changed."""
    values = (value for value, _ in files.messages(file)) if file else sample.generate()
    digest = hashlib.sha256()
    count = 0
    for value in values:
        digest.update(len(value).to_bytes(4, "big") + value)
        count += 1
    console.print(f"data: {count:,} messages")
    return digest.hexdigest()


def start_clean_if_other(settings: Settings, wanted: str) -> None:
    """Reset the stack if it holds other messages, so that two demos never mix."""
    known = record(settings)
    if not known or known.get("published") == wanted:
        return
    reason = (
        "the last demo was stopped while it published"
        if "publishing" in known
        else "the last demo had other messages"
    )
    console.print(f"{reason}: starting clean (topics and tables of {settings.state} are deleted)")
    lifecycle.reset(settings)


def publish(settings: Settings, file: str, wanted: str) -> None:
    """Publish to an empty topic, and record what it holds."""
    step("topic", "python", "-m", "ingest", "topic", "create", "--topic", TOPIC)
    with Source(load(topic=TOPIC)) as source:
        held = source.describe().message_count
    if held and "publishing" not in record(settings):
        raise StateUnusable(
            f"the topic {TOPIC!r} holds messages that no demo published",
            "`make reset` deletes them; or keep them, and run the demo in another folder: "
            "`make demo ASSAY_STATE=.stack-demo ASSAY_PORT_OFFSET=100`",
        )
    write_record(settings, {"publishing": wanted})
    if not file:
        file = str(settings.state / "sample.jsonl")
        step("sample", "python", "-m", "sample", "generate", "--output", file)
    step("publish", "python", "-m", "sample", "publish", file, "--topic", TOPIC)
    write_record(settings, {"published": wanted})


def build(settings: Settings, wanted: str) -> None:
    """Build, audit and publish; first release the lock of a build that was stopped."""
    dbt = ("dbt", "--no-use-colors")
    if "building" in record(settings):
        step("lock", *dbt, "run-operation", "release_lock")
    write_record(settings, {"published": wanted, "building": wanted})
    if not console.is_terminal:
        console.print("build: makes and tests all tables, which takes longest")
    step("build", *dbt, "build")
    write_record(settings, {"published": wanted})


def step(title: str, *command: str) -> None:
    """Run one command as a user would type it, and show its latest line meanwhile.

    Raises:
        StepFailed: it ended with an error; what it printed is shown.
        KeyboardInterrupt: Ctrl-C, after the command has ended too.
    """
    begun = time.monotonic()
    variables = {**os.environ, "PYTHONUNBUFFERED": "1"}
    variables["PATH"] = os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"]))
    # In the root: the current folder must not decide which modules are found.
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    last: deque[str] = deque(maxlen=30)
    try:
        with console.status(title) as spinner:
            for line in process.stdout or ():
                if line.strip():
                    last.append(line.rstrip())
                    spinner.update(f"{title}: {line.strip()[:100]}")
        process.wait()
    except KeyboardInterrupt:
        stop(process)
        raise
    seconds = time.monotonic() - begun
    if process.returncode != 0:
        console.print("\n".join(last), markup=False)
        raise StepFailed(
            f"`{' '.join(command)}` failed (exit code {process.returncode}), see above",
            "correct the cause, then run `make demo` again: it continues where it stopped",
        )
    console.print(f"{title}: {last[-1] if last else 'done'} ({seconds:.1f} s)", markup=False)


def stop(process: subprocess.Popen[str]) -> None:
    """Wait for an interrupted command to end, and stop it if it does not."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            process.wait(timeout=10)
            return
        except subprocess.TimeoutExpired:
            process.send_signal(sign)
    process.wait(timeout=10)


def record(settings: Settings) -> dict[str, str]:
    """Return what the last demo published, or began to publish; empty before the first."""
    try:
        found: dict[str, str] = json.loads((settings.state / "demo.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def write_record(settings: Settings, content: dict[str, str]) -> None:
    """Record what the topic holds, atomically."""
    unfinished = settings.state / "demo.json.unfinished"
    unfinished.write_text(json.dumps(content))
    unfinished.replace(settings.state / "demo.json")


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Lock the state folder against a second demo."""
    path: Path = settings.state.with_name(settings.state.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise StateUnusable(
            f"cannot write {path}: {error.strerror}", "point ASSAY_STATE at another folder"
        ) from error
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateUnusable("another demo is running here", "wait for it to end") from error
        yield


if __name__ == "__main__":
    typer.run(main)
