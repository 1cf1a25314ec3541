"""`python -m stack`."""

from stack import environment

environment.restart_without_python_variables()

from stack.cli import app  # noqa: E402 - only now it is sure which modules are found

app(prog_name="python -m stack")
