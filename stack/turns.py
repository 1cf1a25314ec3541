"""The local services and the cluster take turns on one state folder.

Kafka's log, the NameNode's namespace and the metastore's database are the same. Blocks are on one
DataNode in the local mode and on two in the cluster: `settle` makes a change of the mode safe.
"""

import subprocess
import time
from collections.abc import Callable, Mapping, Sized

from stack import java, services
from stack.errors import ServiceFailed
from stack.services.hdfs import NameNode, SecondDataNode, blocks_missing
from stack.settings import CONFIG, Settings

POLL_SECONDS = 0.25
# How long a DataNode's report of its blocks may take after it has registered.
REPORT_SECONDS = 3.0
REPLICATION_SECONDS = 60.0

Progress = Callable[[str], None]


def as_running(settings: Settings, running: Mapping[str, Sized]) -> Settings:
    """Return the settings with the mode of the services that run; as they are if none runs.

    Args:
        settings: folders and ports.
        running: the processes of each service.
    """
    names = {name for name, processes in running.items() if processes}
    for cluster in (False, True):
        mode = settings.model_copy(update={"cluster": cluster})
        other = settings.model_copy(update={"cluster": not cluster})
        only = {s.name for s in services.pipeline_services(mode)}
        if names & (only - {s.name for s in services.pipeline_services(other)}):
            return mode
    return settings


def settle(settings: Settings, environment: dict[str, str], progress: Progress) -> None:
    """Do what a change of the mode needs, once all services answer.

    Args:
        settings: folders and ports.
        environment: environment of a service.
        progress: called with each progress message.

    Raises:
        StateUnusable: in the local mode, blocks are missing.
        ServiceFailed: in the cluster, HDFS refused to replicate files.
    """
    if settings.cluster:
        _replicate(settings, environment, progress)
    elif SecondDataNode(settings).folder.exists():
        time.sleep(1)  # HDFS counts missing blocks just after it has become writable
        if missing := NameNode(settings).missing_blocks():
            raise blocks_missing(missing)


def _replicate(settings: Settings, environment: dict[str, str], progress: Progress) -> None:
    """Copy every block to both DataNodes, also those of files that the local mode wrote."""
    namenode = NameNode(settings)
    if _all_are_copied(namenode, REPORT_SECONDS):
        return
    progress("copying the blocks to both DataNodes")
    command = java.command(
        "org.apache.hadoop.fs.FsShell",
        *("-setrep", "2", "/"),
        classpath=[*java.hadoop_classpath(), CONFIG / "hadoop"],
        options=["-Xmx256m", "-Dlog4j2.level=WARN"],
    )
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        last = "\n".join(result.stderr.strip().splitlines()[-4:])
        raise ServiceFailed(
            f"files could not be replicated:\n{last}",
            "`python -m stack status` shows the DataNodes; the same command again continues",
        )
    if not _all_are_copied(namenode, REPLICATION_SECONDS):
        progress("HDFS continues to copy blocks; `python -m stack status` shows how many are left")


def _all_are_copied(namenode: NameNode, timeout_seconds: float) -> bool:
    """Wait until every block is on two DataNodes, and return whether it is."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        blocks, copies = namenode.blocks()
        if copies >= 2 * blocks or time.monotonic() > deadline:
            return copies >= 2 * blocks
        time.sleep(POLL_SECONDS)
