"""Parse the dbt project once; the fork server imports this before it forks.

dbt compiles its readers and templates at their first use, which takes a second. Its static parser
is not used: it has threads, which would not exist after a fork.
"""

import tempfile

from dbt.cli.main import dbtRunner

from stack.settings import ROOT

with tempfile.TemporaryDirectory() as _folder:
    _places = ("--project-dir", str(ROOT), "--profiles-dir", str(ROOT))
    _outputs = ("--target-path", _folder, "--log-path", _folder)
    dbtRunner().invoke(["--quiet", "parse", "--no-static-parser", *_places, *_outputs])
