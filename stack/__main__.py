"""`python -m stack`."""

import sys

from stack import environment

environment.restart_without_python_variables()

try:
    from stack.cli import app
except ModuleNotFoundError as error:
    sys.exit(
        f"error: {sys.executable} has no module {error.name!r}\n"
        "remedy: `make setup` installs it; then `. .venv/bin/activate`, and the same command again"
    )

app(prog_name="python -m stack")
