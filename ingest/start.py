"""The entry point of `python -m ingest` and `python -m sample`."""

import importlib
import sys


def start(package: str) -> None:
    """Run the command line of a package: `app` in its module `cli`."""
    try:
        commands = importlib.import_module(f"{package}.cli")
        from ingest.command_line import main

        main(commands.app, f"python -m {package}")
    except KeyboardInterrupt:  # while the modules are imported
        sys.exit(130)
    except ModuleNotFoundError as error:
        sys.exit(
            f"error: {sys.executable} has no module {error.name!r}\n"
            "remedy: `make setup` installs it; then `. .venv/bin/activate`, and the same command "
            "again"
        )
