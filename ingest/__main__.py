"""`python -m ingest`."""

import sys

try:
    from ingest.cli import main

    main()
except KeyboardInterrupt:  # so early that the modules were not loaded yet
    sys.exit(130)
