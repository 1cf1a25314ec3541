"""`python -m stack`."""

from stack import environment

environment.restart_without_python_variables()

with environment.importing_packages():
    from stack.cli import app

app(prog_name="python -m stack")
