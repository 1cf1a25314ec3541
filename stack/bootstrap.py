"""Create the virtual environment, with Python's standard library alone.

Usage: python3 stack/bootstrap.py run|dashboard|notebook|dev
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
# The user's variables of pip and uv that say how to reach an index. The others are dropped: they
# could change which packages are installed, and where.
INDEX_VARIABLES = re.compile(
    r"(PIP|UV)_(((DEFAULT|EXTRA|NO)_)?INDEX|FIND_LINKS|TRUSTED_HOST|INSECURE_HOST|PROXY|RETRIES"
    r"|CERT|CLIENT_CERT|SYSTEM_CERTS|NATIVE_TLS|KEYRING|(NO_)?CACHE|(\w+_)?TIMEOUT|CONCURRENT"
    r"|LINK_MODE|CONFIG_FILE|DISABLE_PIP)"
)


def main(kind: str) -> None:
    """Install the pinned requirements of one kind, a file of `requirements`, once."""
    if os.pathsep in str(ROOT):
        fail(f"the path {ROOT} contains a colon, which separates paths", "rename the folder")
    wanted = REQUIREMENTS / f"{kind}.txt"
    stamp = VENV / f"installed-{kind}"
    # With the path, because the scripts of a moved virtual environment do not start.
    made_for = sys.version.encode() + os.fsencode(VENV)
    checksum = hashlib.sha256(wanted.read_bytes() + made_for).hexdigest()
    if stamp.exists() and stamp.read_text() == checksum:
        return
    print(
        f"installing the {kind} requirements into {VENV.name} (once; minutes if nothing is cached)"
    )
    python = make_venv(hashlib.sha256(made_for).hexdigest())
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(python)]
    # Compiled at installation: where Python must not write bytecode, as in containers, every
    # process would compile all of pandas again.
    install = [*uv, "--require-hashes", "--compile-bytecode", "--quiet", "-r", str(wanted)]
    # If all is cached, no network is needed (and some mirrors make uv download everything again).
    offline = [*install, "--offline"]
    if subprocess.run(offline, env=environment(), capture_output=True, check=False).returncode != 0:
        run(install)
    stamp.write_text(checksum)


def make_venv(checksum: str) -> Path:
    """Create the environment with the pinned uv; replace an incomplete or outdated one.

    Args:
        checksum: checksum of the Python and the path that it is created for.
    """
    python = VENV / "bin" / "python"
    made = VENV / "made-by"
    if made.exists() and made.read_text() == checksum and (VENV / "bin" / "uv").exists():
        return python
    shutil.rmtree(VENV, ignore_errors=True)
    # The base interpreter: this one may be of the virtual environment that was just deleted.
    base: str = getattr(sys, "_base_executable", sys.executable)
    run([base, "-Es", "-m", "venv", str(VENV)])
    pip = [str(python), "-Es", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--no-user", "--require-hashes", "-r", str(REQUIREMENTS / "uv.txt")])
    made.write_text(checksum)
    return python


def environment() -> dict[str, str]:
    """Return the user's variables without those that change what is installed, or where."""
    found = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "PYTHON")) or INDEX_VARIABLES.match(name)
    }
    # Trust this machine's certificates, including a company's own, as pip does.
    found.setdefault("UV_SYSTEM_CERTS", "1")
    named = {"UV_CACHE_DIR", "XDG_CACHE_HOME"} & set(found)
    if not named and not os.access(os.path.expanduser("~"), os.W_OK):  # noqa: PTH111
        found.setdefault("UV_NO_CACHE", "1")
    if mirror := found.get("PIP_INDEX_URL"):
        found.setdefault("UV_DEFAULT_INDEX", mirror)
    return found


def run(command: list[str]) -> None:
    """Run a command; exit with an error message if it fails."""
    if subprocess.run(command, env=environment(), check=False).returncode != 0:
        free = shutil.disk_usage(ROOT).free / 1e6
        fail(
            f"`{' '.join(command[:4])} …` failed, see above ({free:,.0f} MB are free here)",
            "check the network (a mirror: PIP_INDEX_URL) and that 2,500 MB are free, then run the "
            "same make command again; Debian and Ubuntu need the package python3-venv",
        )


def fail(problem: str, remedy: str) -> None:
    """Exit with an error message and its remedy."""
    sys.exit(f"error: {problem}\nremedy: {remedy}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same make command again to continue")
    except OSError as error:
        fail(
            f"{error.filename or VENV}: {error.strerror}",
            "correct its permissions or free disk space",
        )
