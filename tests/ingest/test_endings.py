"""How commands end when their reader has gone, their output has no room, or Ctrl-C is pressed."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from stack.settings import ROOT
from tests.ingest.road import in_kafka, in_table, ingest, send

INGEST = f"{sys.executable} -m ingest"
SEED = int(os.environ.get("FUZZ_SEED", "20180128"))


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_reader_that_has_gone_ends_a_command_quietly() -> None:
    done = shell(f"set -o pipefail; {INGEST} sample -n 20000 | head -1 | wc -l")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "1", "")


@pytest.mark.parametrize("command", ["sample -n 1", "sample -n 5000", "--help", "run --help"])
def test_no_room_for_the_output_is_named(command: str) -> None:
    done = shell(f"{INGEST} {command} > /dev/full")
    assert done.returncode == 27
    assert done.stderr.startswith("error: the output cannot be written: No space left on device")
    assert "remedy:" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", ["<&- >&-", ">&- 2>&-", "2>/dev/full"])
def test_a_closed_stream_is_no_traceback(closed: str) -> None:
    done = shell(f"{INGEST} plan --topic 'a b' {closed}")
    assert done.returncode == 12 and "Traceback" not in done.stderr
    reading = "from ingest import files; next(files.messages('-'))"
    assert "BadFile: standard input" in shell(f'{sys.executable} -c "{reading}" <&-').stderr
    done = shell(f"{INGEST} sample -n 1 {closed}")
    assert done.returncode == 0 and "Traceback" not in done.stderr


@pytest.mark.services
def test_what_is_printed_stops_no_run(topic: str, spark: object) -> None:
    send(topic, b"1")
    done = shell(f"{INGEST} run --topic {topic} > /dev/full 2> /dev/full")
    assert done.returncode == 27
    assert "nothing new" in ingest("run", "--topic", topic)
    for command in ("status", "status --json", "read", "plan", "topic describe"):
        done = shell(f"set -o pipefail; {INGEST} {command} --topic {topic} | true")
        assert done.returncode == 0 and done.stderr == "", command
        done = shell(f"{INGEST} {command} --topic {topic} > /dev/full")
        assert done.returncode == 27 and "Traceback" not in done.stderr


@pytest.mark.services
@pytest.mark.parametrize("times", [4, pytest.param(12, marks=pytest.mark.long)])
def test_ctrl_c_at_any_time_is_no_traceback(topic: str, spark: object, times: int) -> None:
    chance = random.Random(SEED)
    print(f"FUZZ_SEED={SEED}")
    for number in range(times):
        send(topic, b"%d" % number)
        # Python itself takes a moment before it runs our code.
        after = 0.3 + 6 * chance.random() ** 2
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
        # So early that Python itself ended, it is the signal, for which a shell says 130 too.
        assert process.returncode in (0, 130, -signal.SIGINT), (after, said)
        assert "Traceback" not in said and "Exception ignored" not in said, (after, said)
    ingest("run", "--topic", topic)
    assert in_table(spark, topic) == in_kafka(topic)  # type: ignore[arg-type]
