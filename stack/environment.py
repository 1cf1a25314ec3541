"""The environment of the programs that the stack and the demo start.

It contains only a few of the user's variables. Spark, Hive, Hadoop, Kafka, the JVM, dbt and Python
read hundreds of others, and any of them can change what these programs do.

This module has no third-party import, because it runs before `PYTHONPATH` is dropped.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")

KEPT = ("HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME", "TERM", "COLUMNS", "LINES")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# Variables of Python that change neither which code runs nor what it does.
HARMLESS_TO_PYTHON = (
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
    "PYTHONFAULTHANDLER",
    "PYTHON_COLORS",
)


def basic() -> dict[str, str]:
    """Return the variables that every program needs: paths, UTF-8 and UTC.

    UTF-8, because under `LC_ALL=C` a JVM cannot open a file whose path is not ASCII.
    """
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    path = (os.environ.get("PATH"), os.defpath)
    return {
        **kept,
        "PATH": os.pathsep.join(filter(None, path)),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


def network() -> dict[str, str]:
    """Return the user's certificates and proxies; connections to this machine use no proxy."""
    found = {name: os.environ[name] for name in CERTIFICATES if name in os.environ}
    proxies = getproxies_environment()
    for kind in ("http", "https", "all"):
        if kind in proxies:
            found[f"{kind}_proxy"] = proxies[kind]
    found["no_proxy"] = ",".join(filter(None, (proxies.get("no"), *LOOPBACK)))
    return found


def keep_only(settings: Iterable[str]) -> None:
    """Remove all other variables from this process, so that its children do not inherit them.

    Args:
        settings: names of variables to keep, in any case, beside `basic` and `network`.
    """
    wanted = {*settings, "ASSAY_IVY_SETTINGS", "DBT_TARGET_PATH", "DBT_LOG_PATH"}
    kept = {name: value for name, value in os.environ.items() if name.upper() in wanted}
    kept |= basic() | network()
    os.environ.clear()
    os.environ.update(kept)


@contextmanager
def importing_packages() -> Iterator[None]:
    """Exit with a remedy if a package is missing, as it is outside the virtual environment."""
    try:
        yield
    except ModuleNotFoundError as error:
        sys.exit(
            f"error: {sys.executable} has no module {error.name!r}\n"
            "remedy: `make setup` installs it; then `. .venv/bin/activate`, "
            "and the same command again"
        )


def java_proxy_options() -> list[str]:
    """Return the user's proxies as options of Java, which does not read the variables.

    They may contain a password, so they do not belong on a command line.
    """
    proxies = getproxies_environment()
    options = []
    for scheme in ("http", "https"):
        address = proxies.get(scheme) or proxies.get("all")
        if not address:
            continue
        parts = urlsplit(address if "://" in address else f"http://{address}")
        socks = parts.scheme.startswith("socks")
        kind = "socksProxy" if socks else f"{scheme}.proxy"
        values = {
            f"{kind}Host": parts.hostname,
            f"{kind}Port": parts.port or (1080 if socks else 80),
            # Ivy reads these two names for every scheme.
            "http.proxyUser": unquote(parts.username or ""),
            "http.proxyPassword": unquote(parts.password or ""),
        }
        options += [f"-D{name}={value}" for name, value in values.items() if value]
    if options:
        hosts = [host.split(":")[0].strip() for host in proxies.get("no", "").split(",")]
        direct = ["localhost", "127.*", "[::1]"]
        for host in filter(None, hosts):
            name = host.lstrip("*.")
            direct += [name, f"*.{name}"] if name else ["*"]
        options.append(f"-Dhttp.nonProxyHosts={'|'.join(direct)}")
        # By default Java sends no password when it asks a proxy for a tunnel.
        options.append("-Djdk.http.auth.tunneling.disabledSchemes=")
    return options


def restart_without_python_variables() -> None:
    """Run this command again without `PYTHONPATH` and the like, if they are set."""
    root = str(ROOT)
    names = [n for n in os.environ if n.startswith("PYTHON") and n not in HARMLESS_TO_PYTHON]
    if not names or (names == ["PYTHONPATH"] and os.environ["PYTHONPATH"] == root):
        return
    environment = {name: value for name, value in os.environ.items() if name not in names}
    if "PYTHONPATH" in names:
        environment["PYTHONPATH"] = root  # this package may have been found by it
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
