"""How commands end if the pipe of their output is closed, the disk is full, or at Ctrl-C."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from stack.settings import ROOT
from tests.ingest.harness import in_kafka, in_table, ingest, send

INGEST = f"{sys.executable} -m ingest"
SAMPLE = f"{sys.executable} -m sample"
SEED = int(os.environ.get("FUZZ_SEED", "20180128"))


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_closed_pipe_ends_a_command_quietly() -> None:
    done = shell(f"set -o pipefail; {SAMPLE} generate -n 20000 | head -1 | wc -l")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "1", "")


@pytest.mark.parametrize(
    "command",
    [
        *(f"{SAMPLE} generate -n {count}" for count in (1, 5000)),
        *(f"{INGEST} {option}" for option in ("--help", "run --help")),
    ],
)
def test_a_full_disk_for_the_output_is_named(command: str) -> None:
    done = shell(f"{command} > /dev/full")
    assert done.returncode == 27
    assert done.stderr.startswith("error: the output cannot be written: No space left on device")
    assert "remedy:" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", ["<&- >&-", ">&- 2>&-", "2>/dev/full"])
def test_closed_streams_cause_no_traceback(closed: str) -> None:
    done = shell(f"{INGEST} plan --topic 'a b' {closed}")
    assert done.returncode == 12 and "Traceback" not in done.stderr
    reading = "from sample import files; next(files.messages('-'))"
    assert "BadFile: standard input" in shell(f'{sys.executable} -c "{reading}" <&-').stderr
    done = shell(f"{SAMPLE} generate -n 1 {closed}")
    assert done.returncode == 0 and "Traceback" not in done.stderr


@pytest.mark.services
def test_failing_output_does_not_stop_a_run(topic: str, spark: object) -> None:
    send(topic, b"1")
    done = shell(f"{INGEST} run --topic {topic} > /dev/full 2> /dev/full")
    assert done.returncode == 27
    assert "nothing new" in ingest("run", "--topic", topic)
    for command in ("status", "status --json", "peek", "plan", "topic describe"):
        done = shell(f"set -o pipefail; {INGEST} {command} --topic {topic} | true")
        assert done.returncode == 0 and done.stderr == "", command
        done = shell(f"{INGEST} {command} --topic {topic} > /dev/full")
        assert done.returncode == 27 and "Traceback" not in done.stderr


@pytest.mark.services
@pytest.mark.parametrize("times", [4, pytest.param(12, marks=pytest.mark.long)])
def test_ctrl_c_at_any_time_causes_no_traceback(topic: str, spark: object, times: int) -> None:
    rng = random.Random(SEED)
    print(f"FUZZ_SEED={SEED}")
    for number in range(times):
        send(topic, b"%d" % number)
        # Python itself needs a moment before it runs the code.
        after = 0.3 + 6 * rng.random() ** 2
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest", "run", "--topic", topic],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        said = "".join(process.communicate(timeout=60))
        # Before Python handles it, the signal ends the process; a shell reports 130 for that too.
        assert process.returncode in (0, 130, -signal.SIGINT), (after, said)
        assert "Traceback" not in said and "Exception ignored" not in said, (after, said)
    ingest("run", "--topic", topic)
    assert in_table(spark, topic) == in_kafka(topic)  # type: ignore[arg-type]
