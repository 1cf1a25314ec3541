"""The Spark applications of the cluster, each with cores of its own."""

import os
from abc import abstractmethod

import requests

from stack import jars, secret_files
from stack.services.metastore import Metastore
from stack.services.service import PROBE_SECONDS, is_listening, local_http
from stack.services.spark import SPARK_COMPILERS, THRIFT_SERVER, SparkServer
from stack.services.standalone import PROPERTIES, WORKERS, Master, authentication, master_url
from stack.settings import CONFIG

# An executor has one core.
EXECUTOR_JVM_OPTIONS = ["-XX:+UseSerialGC", "-XX:ReservedCodeCacheSize=256m"]


class _Application(SparkServer):
    after = (Metastore.name, Master.name)
    properties = PROPERTIES

    @property
    @abstractmethod
    def _ui_port(self) -> int: ...

    @property
    def variables(self) -> dict[str, str]:
        """The secret of the cluster."""
        return authentication(self.settings)

    @property
    def configuration(self) -> dict[str, str]:
        """The addresses of master and metastore, and what executors need."""
        settings = self.settings
        return {
            "spark.app.name": self.name,
            "spark.master": master_url(settings),
            **self.metastore_configuration,
            "spark.driver.bindAddress": settings.bind,
            "spark.driver.host": settings.host,
            **self._fixed_ports,
            "spark.ui.port": str(self._ui_port),
            "spark.executor.memory": settings.executor_memory,
            "spark.executor.extraClassPath": os.pathsep.join(
                map(str, jars.classpath(settings.cache, "spark"))
            ),
            # Quoted, because a path may contain spaces.
            "spark.executor.extraJavaOptions": " ".join(
                (
                    f'"-Dlog4j2.configurationFile={CONFIG / "log4j2.properties"}"',
                    f'"-Djava.io.tmpdir={self.folder}"',
                    "-Duser.timezone=UTC",
                    *EXECUTOR_JVM_OPTIONS,
                    *SPARK_COMPILERS[settings.spark_compilers],
                )
            ),
            **self.shared_configuration,
        }

    @property
    def _fixed_ports(self) -> dict[str, str]:
        """Where the ports of drivers and executors begin; each takes the next one that is free."""
        if not (first := self.settings.spark_ports):
            return {}
        return {"spark.driver.port": str(first), "spark.blockManager.port": str(first + 20)}

    def has_executors(self) -> bool:
        """Return whether an executor on each worker waits for tasks."""
        api = f"http://{self.settings.own_address}:{self._ui_port}/api/v1/applications"
        http = local_http()
        try:
            [application] = http.get(api, timeout=PROBE_SECONDS).json()
            executors = http.get(f"{api}/{application['id']}/executors", timeout=PROBE_SECONDS)
            active = [e for e in executors.json() if e["id"] != "driver" and e["isActive"]]
        except (requests.RequestException, ValueError):
            return False
        return len(active) >= len(WORKERS)


class Builder(_Application):
    """The Thrift Server: builds and queries."""

    name = "builder"
    main = THRIFT_SERVER

    @property
    def _ui_port(self) -> int:
        return self.settings.spark_ui_port

    @property
    def ports(self) -> dict[str, int]:
        """Thrift, and the web page."""
        return {"thrift": self.settings.thrift_port, "web page": self._ui_port}

    def is_ready(self) -> bool:
        """Return whether it has its executors and answers a query.

        A query waits for the metastore, so it is not asked while that is dead.
        """
        has_metastore = is_listening(self.settings.metastore_host, self.settings.metastore_port)
        return has_metastore and self.answers_sql() and self.has_executors()


class Connect(_Application):
    """Spark Connect: ingest."""

    name = "connect"
    main = "org.apache.spark.sql.connect.service.SparkConnectServer"

    @property
    def _ui_port(self) -> int:
        return self.settings.connect_ui_port

    @property
    def ports(self) -> dict[str, int]:
        """Connect, and the web page."""
        return {"connect": self.settings.connect_port, "web page": self._ui_port}

    @property
    def variables(self) -> dict[str, str]:
        """The secret of the cluster, and the token that clients give.

        Raises:
            StackError: the file of the token cannot be read.
        """
        token = self.settings.spark_token_file
        if token is None:
            return super().variables
        return {
            **super().variables,
            "SPARK_CONNECT_AUTHENTICATE_TOKEN": secret_files.read("ASSAY_SPARK_TOKEN_FILE", token),
        }

    @property
    def configuration(self) -> dict[str, str]:
        """That of every application, and the address of Connect."""
        return {**super().configuration, **self.connect_configuration}

    def is_ready(self) -> bool:
        """Return whether it has its executors and its port is open."""
        address = self.settings.own_address
        return is_listening(address, self.settings.connect_port) and self.has_executors()
