"""Imported by the fork server: dbt has parsed the project once before a test runs it.

dbt compiles its readers and templates when it first needs them, which takes a process a second.
Its static parser is left out: it has threads, which would not be there after a fork.
"""

import tempfile

from dbt.cli.main import dbtRunner

from stack.settings import ROOT

with tempfile.TemporaryDirectory() as _folder:
    _places = ("--project-dir", str(ROOT), "--profiles-dir", str(ROOT))
    _outputs = ("--target-path", _folder, "--log-path", _folder)
    dbtRunner().invoke(["--quiet", "parse", "--no-static-parser", *_places, *_outputs])
