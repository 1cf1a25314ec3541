"""`python -m ingest`."""

import sys

try:
    from ingest.cli import main

    main()
except KeyboardInterrupt:  # so early that the modules were not loaded yet
    sys.exit(130)
except ModuleNotFoundError as error:
    sys.exit(
        f"error: {sys.executable} has no module {error.name!r}\n"
        "remedy: `make setup` installs it; then `. .venv/bin/activate`, and the same command again"
    )
