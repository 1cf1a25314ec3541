"""What services take: memory, files on HDFS, and stages of Spark that one task prolongs."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from stack import processes
from stack.services.service import local_http
from stack.settings import HOST, ROOT

LONG_STAGE_SECONDS = 5.0
# Comments, and what dbt wraps around the query of a test.
DBT = re.compile(r"/\*.*?\*/|select\s+count\(\*\) as failures.*?\bfrom \(", re.DOTALL)


@dataclass(frozen=True)
class Stored:
    """Files of all tables on HDFS; bytes are those of one copy."""

    files: int
    bytes: int
    metadata_files: int
    metadata_bytes: int


@dataclass(frozen=True)
class LongStage:
    """A stage that took longer than LONG_STAGE_SECONDS.

    Attributes:
        statement: the beginning of what it belongs to.
        seconds: from the start of its first task to its end: before, it waited for a core.
        share: the share of its work that its longest task did, from 0 to 1.
    """

    statement: str
    seconds: float
    share: float


def peak_memory(state: Path) -> dict[str, int]:
    """Return the peak memory of each service in bytes, with executors and Python workers.

    It is the sum of the peaks of the processes that still run, so an upper bound of theirs.
    """
    return {
        name: sum(_peak(process) for process in found)
        for name, found in processes.find(state).items()
    }


def _peak(process: psutil.Process) -> int:
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:  # it has ended
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) * 1024 if lines else 0


def stored() -> Stored:
    """Count the files of all tables on HDFS."""
    [files, size], [metadata_files, metadata_size] = (
        _count("/warehouse"),
        _count("/warehouse/*/*/metadata"),
    )
    return Stored(files, size, metadata_files, metadata_size)


def _count(path: str) -> tuple[int, int]:
    """Return the number of files and bytes under a path, which may be a pattern."""
    listed = subprocess.run(
        [sys.executable, "-m", "stack", "hdfs", "-count", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split() for line in listed.splitlines() if line.endswith(path[-8:])]
    return sum(int(row[1]) for row in rows), sum(int(row[2]) for row in rows)


def long_stages(ui_ports: tuple[int, ...]) -> dict[tuple[int, int], LongStage]:
    """Return the long stages that Spark's web pages still know, by port and id of the stage."""
    return {
        (port, stage["stageId"]): found
        for port in ui_ports
        for application, stage in _stages(port)
        if (found := _long(port, application, stage))
    }


def _stages(port: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for application in _ask(port, ""):
        for stage in _ask(port, f"/{application['id']}/stages?status=complete"):
            yield application["id"], stage


def _long(port: int, application: str, stage: dict[str, Any]) -> LongStage | None:
    times = [stage["firstTaskLaunchedTime"], stage["completionTime"]]
    begun, ended = (datetime.fromisoformat(time.removesuffix("GMT")) for time in times)
    seconds = (ended - begun).total_seconds()
    if seconds <= LONG_STAGE_SECONDS or not stage["executorRunTime"]:
        return None
    place = f"/{application}/stages/{stage['stageId']}/{stage['attemptId']}"
    [longest] = _ask(port, f"{place}/taskSummary?quantiles=1.0")["executorRunTime"]
    words = " ".join(DBT.sub("", stage.get("description", stage["name"])).split())
    return LongStage(words[:80], seconds, longest / stage["executorRunTime"])


def _ask(port: int, path: str) -> Any:
    answer = local_http().get(f"http://{HOST}:{port}/api/v1/applications{path}", timeout=60)
    answer.raise_for_status()
    return answer.json()
