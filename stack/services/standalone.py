"""Spark's standalone cluster: a master, its workers, and the secret that they share."""

from pathlib import Path
from typing import Any

import requests

from stack import java, secret_files
from stack.services.service import PROBE_SECONDS, JavaService, local_http
from stack.settings import CONFIG, Settings

WORKERS = (1, 2)
AUTH_VARIABLE = "_SPARK_AUTH_SECRET"
PROPERTIES = CONFIG / "spark" / "cluster.conf"


class _Daemon(JavaService):
    def _java(self, main: str, host: str, *arguments: str, options: list[str]) -> list[str]:
        return java.command(
            main,
            *arguments,
            *("--host", host, "--properties-file", str(PROPERTIES)),
            classpath=[java.SPARK_JARS / "*", CONFIG / "spark", CONFIG / "hadoop"],
            options=["-Xmx256m", *java.SMALL_JVM_OPTIONS, *java.SPARK_OPTIONS, *options],
        )


class Master(_Daemon):
    """Gives the cores of the workers to the applications."""

    name = "master"

    @property
    def ports(self) -> dict[str, int]:
        """Workers and applications, and the web page."""
        return {"cluster": self.settings.master_port, "web page": self.settings.master_http_port}

    @property
    def variables(self) -> dict[str, str]:
        """The secret."""
        return authentication(self.settings)

    @property
    def _recovery(self) -> Path:
        return self.settings.state / "master"

    def prepare(self, environment: dict[str, str]) -> None:
        """Create the folder in which it records its workers and applications."""
        self._recovery.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """The master."""
        return self._java(
            "org.apache.spark.deploy.master.Master",
            self.settings.master_host,
            *("--port", str(self.settings.master_port)),
            *("--webui-port", str(self.settings.master_http_port)),
            options=[f"-Dspark.deploy.recoveryDirectory={self._recovery}"],
        )

    def is_ready(self) -> bool:
        """Return whether it gives cores to applications."""
        return master_state(self.settings).get("status") == "ALIVE"

    def details(self) -> str:
        """The number of workers, and the cores in use."""
        state = master_state(self.settings)
        workers = state.get("workers", [])
        alive = [worker for worker in workers if worker["state"] == "ALIVE"]
        return (
            f"{len(alive)} of {len(WORKERS)} workers are ALIVE; "
            f"{state.get('coresused', 0)} of {state.get('cores', 0)} cores are in use"
        )


class Worker(_Daemon):
    """Starts the executors of the applications, one of each.

    Args:
        settings: folders and ports.
        number: 1 or 2.
        executors: how many applications the cluster runs.
    """

    after = (Master.name,)

    def __init__(self, settings: Settings, number: int, executors: int) -> None:
        super().__init__(settings)
        self.name = f"worker-{number}"
        self._executors = executors
        self._port: int = getattr(settings, f"worker_{number}_port")

    @property
    def ports(self) -> dict[str, int]:
        """The master; its web page has any free port, to which the master's page links."""
        return {"cluster": self._port}

    @property
    def variables(self) -> dict[str, str]:
        """The secret, and a Java and a folder for its executors."""
        return {
            **authentication(self.settings),
            "JAVA_HOME": str(CONFIG / "executor"),
            "ASSAY_JAVA": java.executable(),
            "SPARK_SCALA_VERSION": java.SPARK_SCALA_VERSION,  # else it looks for a build of Spark
            "SPARK_LOCAL_DIRS": str(self._scratch),
        }

    @property
    def _scratch(self) -> Path:
        return self.settings.state / "spark"

    def prepare(self, environment: dict[str, str]) -> None:
        """Create the folder of its executors' temporary files."""
        self._scratch.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """The worker."""
        memory = self.settings.executor_memory
        return self._java(
            "org.apache.spark.deploy.worker.Worker",
            self.settings.host,
            *("--port", str(self._port), "--webui-port", "0"),
            *("--cores", str(self._executors)),
            *("--memory", f"{self._executors * int(memory[:-1])}{memory[-1]}"),
            *("--work-dir", str(self.settings.state / self.name)),
            master_url(self.settings),
            options=[],
        )

    def is_ready(self) -> bool:
        """Return whether the master counts on it."""
        return any(
            (worker["host"], worker["port"]) == (self.settings.host, self._port)
            and worker["state"] == "ALIVE"
            for worker in master_state(self.settings).get("workers", [])
        )


def master_url(settings: Settings) -> str:
    """Return the address by which workers and applications find the master."""
    return f"spark://{settings.master_host}:{settings.master_port}"


def master_state(settings: Settings) -> dict[str, Any]:
    """Return what the master's web page says, as JSON; empty while it does not answer."""
    url = f"http://{settings.master_host}:{settings.master_http_port}/json/"
    try:
        found: dict[str, Any] = local_http().get(url, timeout=PROBE_SECONDS).json()
    except (requests.RequestException, ValueError):
        return {}
    return found


def authentication(settings: Settings) -> dict[str, str]:
    """Return the variable with the secret of the cluster; create the secret at the first use.

    Spark itself passes it to executors in this variable. In a configuration, users could read it
    with `SET`; on a command line, everybody could.

    Raises:
        StackError: the file that the settings name cannot be read.
    """
    given = settings.spark_secret_file
    if given:
        return {AUTH_VARIABLE: secret_files.read("ASSAY_SPARK_SECRET_FILE", given)}
    return {AUTH_VARIABLE: secret_files.created(settings.state / "spark-secret")}
