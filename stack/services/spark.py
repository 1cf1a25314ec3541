"""Spark: the server of all queries and jobs."""

import os
from pathlib import Path

from pyhive import hive
from thrift.Thrift import TException

from stack import jars, java
from stack.services.service import JavaService, is_listening
from stack.settings import CONFIG, HOST

# The parallel collector takes a little less CPU time than the default one. With C1 alone, Java
# reserves a code cache of 48 MB, too little for Spark.
SPARK_JVM_OPTIONS = ["-XX:+UseParallelGC", "-XX:ReservedCodeCacheSize=256m"]
# C2 halves the time of parsing many messages, and costs the first small builds some seconds.
SPARK_COMPILERS = {"both": [], "early": ["-XX:TieredStopAtLevel=1"]}
# With a file name of 43 bytes, a socket's path then has the length that every system accepts.
SOCKET_FOLDER_BYTES = 60


class Spark(JavaService):
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
        if not is_listening(self.settings.connect_port):
            return False
        return is_listening(self.settings.thrift_port) and self._answers()

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
