"""Make the virtual environment. Runs on any Python from 3.11 with its standard library alone.

Usage: python3 stack/bootstrap.py run|dev
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements"


def main(kind: str) -> None:
    """Install the pinned requirements of one kind (`run` or `dev`) unless they are installed."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs on whatever is there
        found = ".".join(map(str, sys.version_info[:3]))
        fail(
            f"Python 3.11 or newer is needed; {sys.executable} is {found}",
            "install a newer one and name it: `make PYTHON=python3.12 …`",
        )
    wanted = REQUIREMENTS / f"{kind}.txt"
    stamp = VENV / f"installed-{kind}"
    checksum = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == checksum:
        return
    print(
        f"installing the {kind} requirements into {VENV.name} (once; minutes if nothing is cached)"
    )
    python = make_venv()
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(python)]
    # Compiled now, for all: where Python is told not to keep what it compiles, as in containers,
    # each process would compile all of pandas again.
    install = [*uv, "--require-hashes", "--compile-bytecode", "--quiet", "-r", str(wanted)]
    # Where all is cached, the network is not needed (and some mirrors make uv fetch it all again).
    if subprocess.run([*install, "--offline"], capture_output=True, check=False).returncode != 0:
        run(install)
    stamp.write_text(checksum)


def make_venv() -> Path:
    """Make the environment with the pinned uv in it; start anew where one is half made."""
    python = VENV / "bin" / "python"
    made = VENV / "made-by"
    if made.exists() and made.read_text() == sys.version and (VENV / "bin" / "uv").exists():
        return python
    shutil.rmtree(VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(VENV)])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--require-hashes", "-r", str(REQUIREMENTS / "uv.txt")])
    made.write_text(sys.version)
    return python


def run(command: list[str]) -> None:
    """Run a command; end with a clear last line if it fails."""
    # The certificates of this machine, a company's own among them, as pip does.
    environment = {"UV_SYSTEM_CERTS": "1", **os.environ}
    mirror = os.environ.get("PIP_INDEX_URL")
    if mirror:
        environment.setdefault("UV_DEFAULT_INDEX", mirror)
    if subprocess.run(command, env=environment, check=False).returncode != 0:
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
