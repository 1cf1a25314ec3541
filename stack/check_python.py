"""Refuse a Python that the pinned packages do not support. Any Python from 2.7 can read this file.

Usage: python3 stack/check_python.py
"""
# Python 2.7 has neither annotations nor f-strings.
# ruff: noqa: ANN001, ANN201, UP030, UP032

import os
import subprocess
import sys

SUPPORTED = ((3, 11), (3, 12), (3, 13))


def main():  # type: () -> None
    """Exit with an error message, which names a Python of this machine that can be used."""
    if sys.version_info[:2] in SUPPORTED:
        return
    names = ["python{0}.{1}".format(*version) for version in reversed(SUPPORTED)]
    installed = [name for name in names if runs(name)]
    sys.exit(
        "error: Python {0}.{1} ({2}) cannot be used: the pinned packages are for {3}\n"
        "remedy: {4} PYTHON={5} to the same make command".format(
            sys.version_info[0],
            sys.version_info[1],
            sys.executable,
            ", ".join(names),
            "add" if installed else "install one of them, and add",
            (installed or names)[0],
        )
    )


def runs(program):  # type: (str) -> bool
    """Return whether a Python of this name is installed and has the version of its name."""
    check = "import sys; sys.exit('python%d.%d' % sys.version_info[:2] != {0!r})".format(program)
    with open(os.devnull, "w") as nothing:
        try:
            command = [program, "-Es", "-c", check]
            return subprocess.call(command, stdout=nothing, stderr=nothing) == 0
        except OSError:
            return False


if __name__ == "__main__":
    main()
