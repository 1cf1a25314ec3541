"""HDFS: a NameNode and a DataNode."""

import json
from pathlib import Path
from typing import Any

import requests

from stack import jars, java
from stack.services.service import PROBE_SECONDS, JavaService, local_http
from stack.settings import CONFIG, HOST, Settings

NAMENODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"


class _Hdfs(JavaService):
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
                f"http://{HOST}:{port}/jmx",
                params={"qry": f"Hadoop:service={type(self).__name__},name={bean}"},
                timeout=PROBE_SECONDS,
            )
            beans = answer.json()["beans"]
        except (requests.RequestException, ValueError, KeyError):
            return {}
        return beans[0] if beans else {}


class NameNode(_Hdfs):
    """Holds the namespace of HDFS."""

    name = "namenode"

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


class DataNode(_Hdfs):
    """Stores the blocks of HDFS."""

    name = "datanode"

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
        info = self._ask(self.settings.datanode_http_port, "DataNodeInfo")
        actors = json.loads(info.get("BPServiceActorInfo", "[]"))
        return any(actor["ActorState"] == "RUNNING" for actor in actors)
