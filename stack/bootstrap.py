"""Make the virtual environment, with Python's standard library alone.

Usage: python3 stack/bootstrap.py run|dev
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements"
# The user's variables say how pip and uv reach packages, not where they go or which ones they are.
REACH = re.compile(
    r"(PIP|UV)_(((DEFAULT|EXTRA|NO)_)?INDEX|FIND_LINKS|TRUSTED_HOST|INSECURE_HOST|PROXY|RETRIES"
    r"|CERT|CLIENT_CERT|SYSTEM_CERTS|NATIVE_TLS|KEYRING|(NO_)?CACHE|(\w+_)?TIMEOUT|CONCURRENT"
    r"|LINK_MODE|CONFIG_FILE|DISABLE_PIP)"
)


def main(kind: str) -> None:
    """Install the pinned requirements of one kind (`run` or `dev`) unless they are installed."""
    if os.pathsep in str(ROOT):
        fail(f"the path {ROOT} has a colon, which separates paths", "rename the folder")
    wanted = REQUIREMENTS / f"{kind}.txt"
    stamp = VENV / f"installed-{kind}"
    # With the path, because the programs of a virtual environment that was moved do not start.
    made_for = sys.version.encode() + os.fsencode(VENV)
    checksum = hashlib.sha256(wanted.read_bytes() + made_for).hexdigest()
    if stamp.exists() and stamp.read_text() == checksum:
        return
    print(
        f"installing the {kind} requirements into {VENV.name} (once; minutes if nothing is cached)"
    )
    python = make_venv(hashlib.sha256(made_for).hexdigest())
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(python)]
    # Compiled now, for all: where Python is told not to keep what it compiles, as in containers,
    # each process would compile all of pandas again.
    install = [*uv, "--require-hashes", "--compile-bytecode", "--quiet", "-r", str(wanted)]
    # Where all is cached, the network is not needed (and some mirrors make uv fetch it all again).
    offline = [*install, "--offline"]
    if subprocess.run(offline, env=environment(), capture_output=True, check=False).returncode != 0:
        run(install)
    stamp.write_text(checksum)


def make_venv(checksum: str) -> Path:
    """Make the environment with the pinned uv in it; replace one that is half made, or of another.

    Args:
        checksum: of the Python and the place that it is made for.
    """
    python = VENV / "bin" / "python"
    made = VENV / "made-by"
    if made.exists() and made.read_text() == checksum and (VENV / "bin" / "uv").exists():
        return python
    shutil.rmtree(VENV, ignore_errors=True)
    # The Python that this one's virtual environment was made of: the environment may be gone now.
    base: str = getattr(sys, "_base_executable", sys.executable)
    run([base, "-Es", "-m", "venv", str(VENV)])
    pip = [str(python), "-Es", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--no-user", "--require-hashes", "-r", str(REQUIREMENTS / "uv.txt")])
    made.write_text(checksum)
    return python


def environment() -> dict[str, str]:
    """The user's variables, less those that would send the packages elsewhere, or send others."""
    found = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "PYTHON")) or REACH.match(name)
    }
    # The certificates of this machine, a company's own among them, as pip does.
    found.setdefault("UV_SYSTEM_CERTS", "1")
    named = {"UV_CACHE_DIR", "XDG_CACHE_HOME"} & set(found)
    if not named and not os.access(os.path.expanduser("~"), os.W_OK):  # noqa: PTH111
        found.setdefault("UV_NO_CACHE", "1")
    if mirror := found.get("PIP_INDEX_URL"):
        found.setdefault("UV_DEFAULT_INDEX", mirror)
    return found


def run(command: list[str]) -> None:
    """Run a command; end with a clear last line if it fails."""
    if subprocess.run(command, env=environment(), check=False).returncode != 0:
        free = shutil.disk_usage(ROOT).free / 1e6
        fail(
            f"`{' '.join(command[:4])} …` failed, as said above ({free:,.0f} MB free here)",
            "check the network (a mirror: PIP_INDEX_URL) and that 2,500 MB are free, then run the "
            "same make command again; Debian and Ubuntu need the package python3-venv",
        )


def fail(problem: str, remedy: str) -> None:
    """End with one clear message."""
    sys.exit(f"error: {problem}\nremedy: {remedy}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same make command again to continue")
    except OSError as error:
        fail(
            f"{error.filename or VENV}: {error.strerror}", "mend its permissions or free some room"
        )
