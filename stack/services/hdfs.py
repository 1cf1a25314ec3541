"""HDFS: a NameNode, and one DataNode or, in the cluster, two."""

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import requests

from stack import jars, java
from stack.errors import StackError, StateUnusable
from stack.services.service import PROBE_SECONDS, JavaService, local_http
from stack.settings import CONFIG, Settings

NAMENODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"


def blocks_missing(count: int) -> StackError:
    """Return the error that the local mode's DataNode does not have all blocks."""
    return StateUnusable(
        f"HDFS misses {count:,} blocks, which only the cluster's second DataNode has",
        "`python -m stack down`, then `python -m stack up --cluster`, which copies them; "
        "then `python -m stack down` and this command again",
    )


class _Hdfs(JavaService):
    bean: ClassVar[str]

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._http = local_http()

    def _java(self, main: str, *arguments: str) -> list[str]:
        return java.command(
            main,
            *arguments,
            classpath=[*java.hadoop_classpath(), *self._server_jars(), CONFIG / "hadoop"],
            options=["-Xmx256m", *java.SMALL_JVM_OPTIONS, f"-Djava.io.tmpdir={self._scratch}"],
        )

    @property
    def _scratch(self) -> Path:
        return self.settings.state / "scratch"

    def prepare(self, environment: dict[str, str]) -> None:
        """Create the folder into which its web application is unpacked."""
        self._scratch.mkdir(parents=True, exist_ok=True)

    def _server_jars(self) -> list[Path]:
        return jars.classpath(self.settings.cache, "hdfs")

    def _ask(self, port: int, bean: str) -> dict[str, Any]:
        """Return one bean of a server's JMX page; empty while it does not answer."""
        try:
            answer = self._http.get(
                f"http://{self.settings.own_address}:{port}/jmx",
                params={"qry": f"Hadoop:service={self.bean},name={bean}"},
                timeout=PROBE_SECONDS,
            )
            beans = answer.json()["beans"]
        except (requests.RequestException, ValueError, KeyError):
            return {}
        return beans[0] if beans else {}


class NameNode(_Hdfs):
    """Holds the namespace of HDFS."""

    name = "namenode"
    bean = "NameNode"

    @property
    def ports(self) -> dict[str, int]:
        """Clients and the web page."""
        return {
            "clients": self.settings.namenode_port,
            "web page": self.settings.namenode_http_port,
        }

    def prepare(self, environment: dict[str, str]) -> None:
        """Format the folder of the namespace."""
        super().prepare(environment)
        self.format(
            "ASSAY_HDFS_DATA", self._java(NAMENODE, "-format", "-nonInteractive"), environment
        )

    def command(self) -> list[str]:
        """The NameNode."""
        return self._java(NAMENODE)

    def is_ready(self) -> bool:
        """Return whether it has left safe mode, so that files can be written."""
        return self._ask(self.settings.namenode_http_port, "NameNodeInfo").get("Safemode") == ""

    def details(self) -> str:
        """How many blocks there are, and whether each is on two DataNodes; only in the cluster."""
        if not self.settings.cluster:
            return ""
        blocks, copies = self.blocks()
        if copies >= 2 * blocks:
            return f"{blocks:,} blocks, each on 2 DataNodes"
        return f"{blocks:,} blocks, of which {2 * blocks - copies:,} are on one DataNode only"

    def blocks(self) -> tuple[int, int]:
        """Return the number of blocks, and of their copies on DataNodes that are alive."""
        port = self.settings.namenode_http_port
        nodes = json.loads(self._ask(port, "NameNodeInfo").get("LiveNodes", "{}")).values()
        total: int = self._ask(port, "FSNamesystem").get("BlocksTotal", 0)
        return total, sum(node["numBlocks"] for node in nodes)

    def missing_blocks(self) -> int:
        """Return the number of blocks that no DataNode has that is alive."""
        return int(
            self._ask(self.settings.namenode_http_port, "FSNamesystem").get("MissingBlocks", 0)
        )

    def fault(self) -> StackError | None:
        """Return what HDFS waits for, if the local mode's DataNode does not have all blocks."""
        if self.settings.cluster or not SecondDataNode(self.settings).folder.exists():
            return None
        info = self._ask(self.settings.namenode_http_port, "NameNodeInfo")
        found = re.search(r"needs additional (\d+) blocks", info.get("Safemode", ""))
        return blocks_missing(int(found[1])) if found and info["LiveNodes"] != "{}" else None


class DataNode(_Hdfs):
    """Stores the blocks of HDFS."""

    name = "datanode"
    bean = "DataNode"

    @property
    def ports(self) -> dict[str, int]:
        """Data, IPC, and the web page."""
        return {
            "data": self.settings.datanode_port,
            "calls": self.settings.datanode_ipc_port,
            "web page": self.settings.datanode_http_port,
        }

    def command(self) -> list[str]:
        """The DataNode."""
        return self._java("org.apache.hadoop.hdfs.server.datanode.DataNode")

    def is_ready(self) -> bool:
        """Return whether it has registered with the NameNode.

        The NameNode itself counts a dead DataNode as alive for minutes.
        """
        info = self._ask(self.ports["web page"], "DataNodeInfo")
        actors = json.loads(info.get("BPServiceActorInfo", "[]"))
        return any(actor["ActorState"] == "RUNNING" for actor in actors)


class SecondDataNode(DataNode):
    """Stores every block once more, in a folder of its own."""

    name = "datanode-2"

    @property
    def ports(self) -> dict[str, int]:
        """Data, IPC, and the web page."""
        return {
            "data": self.settings.datanode_2_port,
            "calls": self.settings.datanode_2_ipc_port,
            "web page": self.settings.datanode_2_http_port,
        }

    @property
    def folder(self) -> Path:
        """The folder of its blocks."""
        return self.settings.state / "hdfs-2"

    @property
    def variables(self) -> dict[str, str]:
        """Its folder and its addresses."""
        bind = self.settings.bind
        return {
            "ASSAY_HDFS_DATA": str(self.folder),
            "ASSAY_DATANODE_ADDRESS": f"{bind}:{self.ports['data']}",
            "ASSAY_DATANODE_IPC": f"{bind}:{self.ports['calls']}",
            "ASSAY_DATANODE_HTTP": f"{bind}:{self.ports['web page']}",
        }
