"""The jars that pyspark does not include: fetched by name and version, checked by `jars.lock`.

All checkouts share one cache folder. A jar is added to it only if its SHA-256 is the one in
`jars.lock`. The jars are checked again before every start, and a damaged one is fetched again.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stack import environment, java
from stack.errors import JarsUnavailable, StateUnusable

LOCK = Path(__file__).with_name("jars.lock")
DOWNLOAD_TIMEOUT_SECONDS = 1800


@dataclass(frozen=True)
class Jar:
    """One line of `jars.lock`."""

    service: str
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """The name of the file in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    def is_intact(self, folder: Path) -> bool:
        """Return whether the folder holds this jar with its checksum."""
        try:
            with (folder / self.filename).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


def locked(path: Path = LOCK) -> list[Jar]:
    """Return the jars of the lock file, whose lines are `service group:artifact:version sha256`."""
    jars = []
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            service, coordinates, sha256 = line.split()
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(service, group, artifact, version, sha256))
    return jars


def classpath(cache: Path, service: str) -> list[Path]:
    """Return the cached jars of one service."""
    return [cache / "jars" / jar.filename for jar in locked() if jar.service == service]


def ensure(
    cache: Path, jars: list[Jar], progress: Callable[[str], None] = lambda message: None
) -> None:
    """Fetch the jars that are missing or damaged.

    Args:
        cache: the folder that contains `jars/`.
        jars: the jars that are needed.
        progress: called with each progress message.

    Raises:
        JarsUnavailable: a jar could not be fetched, or what arrived has another checksum.
        StateUnusable: the cache cannot be written.
    """
    folder = cache / "jars"
    missing = [jar for jar in jars if not jar.is_intact(folder)]
    if not missing:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            arrived = _fetch(missing, Path(scratch), progress)
            for jar in missing:
                if not jar.is_intact(arrived):
                    raise JarsUnavailable(
                        f"{jar.filename} was fetched with a checksum that is not the one in {LOCK}",
                        "try again; if it persists, the mirror alters files: use another",
                    )
                # Atomic, also when two checkouts fetch at the same time.
                (arrived / jar.filename).replace(folder / jar.filename)
    except OSError as error:
        raise StateUnusable(
            f"cannot write {folder}: {error.strerror}",
            "free disk space there, or set ASSAY_CACHE to a folder with 500 MB of free space",
        ) from error


def _fetch(jars: list[Jar], scratch: Path, progress: Callable[[str], None]) -> Path:
    """Fetch the jars with Ivy, which pyspark includes, and return the folder that they are in."""
    (scratch / "ivy.xml").write_text("\n".join(_ivy_module(jars)))
    java.write_truststore(scratch / "truststore.p12")
    arrived = scratch / "arrived"
    settings = os.environ.get("ASSAY_IVY_SETTINGS")
    options = [
        f"-Djavax.net.ssl.trustStore={scratch / 'truststore.p12'}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        *environment.java_proxy_options(),
    ]
    # The options are in a file, because `ps` shows a command line, and a proxy may have a
    # password. Java reads quoted strings there, with JSON's escapes for quotes and backslashes.
    quoted = (json.dumps(option, ensure_ascii=False) for option in options)
    (scratch / "options").write_bytes(os.fsencode("\n".join(quoted)))
    process = subprocess.Popen(
        [
            java.executable(),
            f"@{scratch / 'options'}",
            "-jar",
            str(next(java.SPARK_JARS.glob("ivy-*.jar"))),
            *(["-settings", settings] if settings else []),
            *["-ivy", str(scratch / "ivy.xml"), "-cache", str(scratch / "ivy")],
            *["-retrieve", f"{arrived}/[artifact]-[revision].[ext]"],
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment.basic(),
    )
    try:
        output = list(_reported(process, len(jars), progress))
        process.wait(timeout=DOWNLOAD_TIMEOUT_SECONDS)
    finally:
        process.kill()
    if process.returncode != 0:
        reasons = [
            line.strip() for line in output if "error" in line.lower() or "not found" in line
        ]
        raise JarsUnavailable(
            f"could not fetch {len(jars)} jars: {(reasons or output or ['no output'])[-1][:300]}",
            "check the network (a mirror is named by an Ivy settings file in ASSAY_IVY_SETTINGS) "
            "and run the same command again",
        )
    return arrived


def _reported(
    process: subprocess.Popen[str], count: int, progress: Callable[[str], None]
) -> Iterator[str]:
    """Yield the lines that Ivy prints, and report progress."""
    done = 0
    for line in process.stdout or ():
        if "[SUCCESSFUL ]" in line:
            done += 1
            progress(f"fetched {done} of {count} jars")
        yield line


def _ivy_module(jars: list[Jar]) -> Iterator[str]:
    yield '<ivy-module version="2.0"><info organisation="assay" module="jars"/><dependencies>'
    for jar in jars:
        yield (
            f'<dependency org="{jar.group}" name="{jar.artifact}" rev="{jar.version}"'
            ' transitive="false" conf="*->master"/>'
        )
    yield "</dependencies></ivy-module>"


def free_bytes(folder: Path) -> int:
    """Return the free space on the file system of the nearest existing folder."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
