"""The program that Streamlit runs: `streamlit run dashboard/app.py`."""

import gc
import sys
from pathlib import Path

from streamlit.starlette import App

ROOT = str(Path(__file__).resolve().parent.parent)
# Streamlit puts the folder of this file on the path, not the project's root.
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

# Large libraries are imported here, so that the first reader does not wait for them.
from dashboard import charts as charts  # noqa: E402
from dashboard import sessions as sessions  # noqa: E402
from dashboard.index import MIDDLEWARE  # noqa: E402

# Streamlit collects garbage after each run of a script, which takes 0.1 s with all that is
# imported. What is imported is never garbage.
gc.freeze()

app = App("script.py", middleware=[MIDDLEWARE])
