"""The four services: the preparation, command line and readiness check of each."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import requests
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from pyhive import hive
from thrift.Thrift import TException

from stack import jars, java
from stack.environment import basic as basic_environment
from stack.errors import ServiceFailed
from stack.settings import CONFIG, HOST, ROOT, Settings

# One garbage collector thread and no C2 compiler: Kafka, NameNode and DataNode are hardly busy.
SMALL_JVM_OPTIONS = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
# The parallel collector takes a little less CPU time than the default one. With C1 alone, Java
# reserves a code cache of 48 MB, too little for Spark.
SPARK_JVM_OPTIONS = ["-XX:+UseParallelGC", "-XX:ReservedCodeCacheSize=256m"]
# C2 halves the time of parsing many messages, and costs the first small builds some seconds.
SPARK_COMPILERS = {"both": [], "early": ["-XX:TieredStopAtLevel=1"]}
PROBE_SECONDS = 5.0
# With a file name of 43 bytes, a socket's path then has the length that every system accepts.
SOCKET_FOLDER_BYTES = 60

NAMENODE = "org.apache.hadoop.hdfs.server.namenode.NameNode"


class Service(ABC):
    """One server process.

    Attributes:
        name: name of the service on the command line, and of its log.
    """

    name: ClassVar[str]

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    @abstractmethod
    def ports(self) -> dict[str, int]:
        """The ports that it listens on, by purpose."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command line that runs it."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether it answers the request of a client."""

    def prepare(self, environment: dict[str, str]) -> None:  # noqa: B027 - most need nothing
        """Create its part of the state folder, if it does not exist."""

    def format(self, variable: str, command: list[str], environment: dict[str, str]) -> None:
        """Create the service's data folder with a command, atomically.

        Args:
            variable: the environment variable that names the folder.
            command: the command that creates the folder.
            environment: environment of the service.

        Raises:
            ServiceFailed: the command ended with an error.
        """
        folder = Path(environment[variable])
        if folder.exists():
            return
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        result = subprocess.run(
            command,
            env={**environment, variable: str(unfinished)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if result.returncode != 0:
            last = "\n".join((result.stdout + result.stderr).strip().splitlines()[-8:])
            raise ServiceFailed(
                f"{self.name} could not create {folder}:\n{last}",
                "correct what it names and run `python -m stack up` again",
            )
        unfinished.rename(folder)


class Kafka(Service):
    """One broker that is its own controller (KRaft)."""

    name = "kafka"

    @property
    def ports(self) -> dict[str, int]:
        """Clients, controller, and the broker's own listener."""
        return {
            "clients": self.settings.kafka_port,
            "controller": self.settings.kafka_controller_port,
            "broker": self.settings.kafka_broker_port,
        }

    def _java(self, main: str, *arguments: str) -> list[str]:
        return java.command(
            main,
            *arguments,
            classpath=jars.classpath(self.settings.cache, "kafka"),
            options=["-Xmx512m", *SMALL_JVM_OPTIONS],
        )

    def prepare(self, environment: dict[str, str]) -> None:
        """Format the log folder with a new cluster id."""
        tool = self._java(*formatting(CONFIG / "kafka" / "server.properties"))
        self.format("ASSAY_KAFKA_DATA", tool, environment)

    def command(self) -> list[str]:
        """The broker."""
        return self._java("kafka.Kafka", str(CONFIG / "kafka" / "server.properties"))

    def is_ready(self) -> bool:
        """Return whether a client gets the cluster's metadata with a broker."""
        return _is_listening(self.settings.kafka_port) and has_broker(
            f"{HOST}:{self.settings.kafka_port}"
        )


class _Hdfs(Service):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy cannot reach this machine's NameNode

    def _java(self, main: str, *arguments: str) -> list[str]:
        return java.command(
            main,
            *arguments,
            classpath=[*java.hadoop_classpath(), *self._server_jars(), CONFIG / "hadoop"],
            options=["-Xmx256m", *SMALL_JVM_OPTIONS, f"-Djava.io.tmpdir={self._scratch}"],
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


class Spark(Service):
    """Thrift Server, Spark Connect and the Hive metastore in one process."""

    name = "spark"

    @property
    def ports(self) -> dict[str, int]:
        """Thrift, Connect, and the web page."""
        return {
            "thrift": self.settings.thrift_port,
            "connect": self.settings.connect_port,
            "web page": self.settings.spark_ui_port,
        }

    @property
    def _folder(self) -> Path:
        return self.settings.state / "spark"

    def command(self) -> list[str]:
        """Run SparkSubmit directly: Spark's launcher needs a module that this Java lacks."""
        folder = self._folder
        configuration = {
            "spark.connect.grpc.binding.address": self.settings.bind,
            "spark.connect.grpc.binding.port": str(self.settings.connect_port),
            "spark.ui.port": str(self.settings.spark_ui_port),
            "spark.local.dir": str(folder),
            # The Python workers are on this machine: Unix sockets need no port and 5 % less time.
            "spark.python.unix.domain.socket.enabled": (
                "true" if len(os.fsencode(folder)) <= SOCKET_FOLDER_BYTES else "false"
            ),
        }
        return java.command(
            "org.apache.spark.deploy.SparkSubmit",
            *(
                word
                for key, value in configuration.items()
                for word in ("--conf", f"{key}={value}")
            ),
            *("--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"),
            "spark-internal",
            classpath=[
                java.SPARK_JARS / "*",
                *jars.classpath(self.settings.cache, "spark"),
                CONFIG / "spark",
                CONFIG / "hadoop",
            ],
            options=[
                *java.SPARK_OPTIONS,
                *SPARK_JVM_OPTIONS,
                *SPARK_COMPILERS[self.settings.spark_compilers],
                f"-Xmx{self.settings.spark_memory}",
                f"-Dderby.system.home={self.settings.state}",
                f"-Djava.io.tmpdir={folder}",
            ],
        )

    def prepare(self, environment: dict[str, str]) -> None:
        """Create its scratch folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def is_ready(self) -> bool:
        """Return whether both ports are open and the Thrift Server answers a query."""
        if not _is_listening(self.settings.connect_port):
            return False
        return _is_listening(self.settings.thrift_port) and self._answers()

    def _answers(self) -> bool:
        try:
            connection = hive.connect(HOST, port=self.settings.thrift_port, username="assay")
        except (TException, OSError):
            return False
        try:
            cursor = connection.cursor()
            cursor.execute("select 1")
            return bool(cursor.fetchall() == [(1,)])
        except (TException, OSError, hive.Error):
            return False
        finally:
            connection.close()


def all_services(settings: Settings) -> list[Service]:
    """Return every service, in the order in which they are started."""
    return [NameNode(settings), DataNode(settings), Kafka(settings), Spark(settings)]


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a service: our variables, and the Python of Spark's workers."""
    return {
        **basic_environment(),
        **settings.service_environment(),
        "SPARK_HOME": str(java.SPARK_HOME),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }


def formatting(properties: Path) -> list[str]:
    """Return Kafka's storage tool and its arguments to format a log folder for a new cluster."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # One argument, because an id that begins with a dash would be parsed as an option.
    arguments = ["format", f"--cluster-id={cluster_id}", "--config", str(properties)]
    return ["kafka.tools.StorageTool", *arguments]


def has_broker(kafka: str) -> bool:
    """Return whether the cluster at this address answers with metadata that has a broker."""
    timeout_ms = int(PROBE_SECONDS * 1000)
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=kafka,
            bootstrap_timeout_ms=timeout_ms,
            request_timeout_ms=timeout_ms,
        )
    except KafkaError:
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(PROBE_SECONDS)
        return probe.connect_ex((HOST, port)) == 0
