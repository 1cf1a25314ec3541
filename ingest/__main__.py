"""`python -m ingest`."""

from ingest.start import start

start("ingest")
