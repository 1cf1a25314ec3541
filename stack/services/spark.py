"""Spark: the server of all queries and jobs, and what the cluster's applications share with it."""

import os
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from pyhive import hive
from thrift.Thrift import TException

from stack import jars, java
from stack.errors import StackError
from stack.services.service import JavaService, is_listening
from stack.settings import CONFIG

THRIFT_SERVER = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"
# The parallel collector takes a little less CPU time than the default one. With C1 alone, Java
# reserves a code cache of 48 MB, too little for Spark.
SPARK_JVM_OPTIONS = ["-XX:+UseParallelGC", "-XX:ReservedCodeCacheSize=256m"]
# C2 halves the time of parsing many messages, and costs the first small builds some seconds.
SPARK_COMPILERS = {"both": [], "early": ["-XX:TieredStopAtLevel=1"]}
# With a file name of 43 bytes, a socket's path then has the length that every system accepts.
SOCKET_FOLDER_BYTES = 60


class SparkServer(JavaService):
    """A server that runs in the driver of a Spark application.

    Attributes:
        main: the main class of the server.
        properties: the configuration that overrides that of the local server; None for that one.
        submit: the program that starts it, with its first arguments. Spark's launcher needs a
            module that this Java lacks.
    """

    main: ClassVar[str]
    properties: ClassVar[Path | None] = None
    submit: ClassVar[tuple[str, ...]] = ("org.apache.spark.deploy.SparkSubmit",)

    @property
    def folder(self) -> Path:
        """The folder of temporary files."""
        return self.settings.state / "spark"

    @property
    @abstractmethod
    def configuration(self) -> dict[str, str]:
        """The configuration that depends on the settings."""

    @property
    def shared_configuration(self) -> dict[str, str]:
        """The configuration that every server has."""
        return {
            "spark.local.dir": str(self.folder),
            # The Python workers are on this machine: Unix sockets need no port and 5 % less time.
            "spark.python.unix.domain.socket.enabled": (
                "true" if len(os.fsencode(self.folder)) <= SOCKET_FOLDER_BYTES else "false"
            ),
        }

    @property
    def connect_configuration(self) -> dict[str, str]:
        """The configuration of Spark Connect."""
        return {
            "spark.connect.grpc.binding.address": self.settings.bind,
            "spark.connect.grpc.binding.port": str(self.settings.connect_port),
        }

    @property
    def metastore_configuration(self) -> dict[str, str]:
        """The address of the metastore's service, which only the local server does not use."""
        host, port = self.settings.metastore_host, self.settings.metastore_port
        return {"spark.hadoop.hive.metastore.uris": f"thrift://{host}:{port}"}

    @property
    def submit_options(self) -> list[str]:
        """Options of SparkSubmit besides the configuration."""
        if self.properties is None:
            return []
        return ["--properties-file", str(self.properties), "--load-spark-defaults"]

    def command(self) -> list[str]:
        """SparkSubmit, which runs the server."""
        return java.command(
            *self.submit,
            *self.submit_options,
            *(
                word
                for key, value in self.configuration.items()
                for word in ("--conf", f"{key}={value}")
            ),
            *("--class", self.main),
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
                f"-Djava.io.tmpdir={self.folder}",
            ],
        )

    def prepare(self, environment: dict[str, str]) -> None:
        """Create its scratch folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def answers_sql(self) -> bool:
        """Return whether the Thrift Server answers a query."""
        address, port = self.settings.own_address, self.settings.thrift_port
        if not is_listening(address, port):
            return False
        try:
            connection = hive.connect(address, port=port, username="assay")
        except (TException, OSError, hive.Error):  # the last one without a metastore
            return False
        try:
            cursor = connection.cursor()
            cursor.execute("select 1")
            return bool(cursor.fetchall() == [(1,)])
        except (TException, OSError, hive.Error):
            return False
        finally:
            connection.close()


class Spark(SparkServer):
    """Thrift Server, Spark Connect and the Hive metastore in one process."""

    name = "spark"
    main = THRIFT_SERVER

    def prepare(self, environment: dict[str, str]) -> None:
        """Create its scratch folder.

        Raises:
            StackError: the settings name a database that only the metastore's service uses.
        """
        if self.settings.metastore_url:
            raise StackError(
                "ASSAY_METASTORE_URL is set, and the local services keep their tables in Derby",
                "unset it, or start the cluster: `python -m stack up --cluster`",
            )
        super().prepare(environment)

    @property
    def ports(self) -> dict[str, int]:
        """Thrift, Connect, and the web page."""
        return {
            "thrift": self.settings.thrift_port,
            "connect": self.settings.connect_port,
            "web page": self.settings.spark_ui_port,
        }

    @property
    def configuration(self) -> dict[str, str]:
        """Connect and the web page."""
        return {
            **self.connect_configuration,
            "spark.ui.port": str(self.settings.spark_ui_port),
            **self.shared_configuration,
        }

    def is_ready(self) -> bool:
        """Return whether both ports are open and the Thrift Server answers a query."""
        address = self.settings.own_address
        return is_listening(address, self.settings.connect_port) and self.answers_sql()
