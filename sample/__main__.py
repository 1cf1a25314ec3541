"""`python -m sample`."""

from ingest.start import start

start("sample")
