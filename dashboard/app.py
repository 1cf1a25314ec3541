"""The program that Streamlit runs: `streamlit run dashboard/app.py`."""

import gc
import sys
import threading
from pathlib import Path

from streamlit.starlette import App

ROOT = str(Path(__file__).resolve().parent.parent)
# Streamlit puts the folder of this file on the path, not the project's root.
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

# All is imported and connected here, so that the first reader does not wait for it.
from dashboard.index import MIDDLEWARE  # noqa: E402
from dashboard.navigation import process_reader  # noqa: E402

# Streamlit collects garbage after each run of a script, which takes 0.1 s with all that is
# imported. What is imported is never garbage.
gc.freeze()

threading.Thread(target=process_reader().connect, daemon=True).start()

app = App("script.py", middleware=[MIDDLEWARE])
