"""The dashboard: a Streamlit server that reads over the Thrift Server."""

import sys
from importlib.util import find_spec
from pathlib import Path

import requests

from stack.errors import PackagesMissing
from stack.services.reader import Reader
from stack.services.service import PROBE_SECONDS, Service, local_http
from stack.settings import ROOT
from stack.thrift_client import server_for_readers


class Dashboard(Service):
    """Shows the published marts in the browser; started only when it is asked for."""

    name = "dashboard"
    after = (Reader.name,)

    @property
    def ports(self) -> dict[str, int]:
        """The web page."""
        return {"web page": self.settings.dashboard_port}

    @property
    def url(self) -> str:
        """The address of its first page."""
        return f"http://{self.settings.own_address}:{self.settings.dashboard_port}"

    @property
    def variables(self) -> dict[str, str]:
        """Its settings, and a home folder without the user's own settings of Streamlit."""
        return {
            **self.settings.client_environment(),
            "ASSAY_DASHBOARD_MAX_AGE_HOURS": str(self.settings.dashboard_max_age_hours),
            "HOME": str(self._home),
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def _home(self) -> Path:
        return self.settings.state / "dashboard"

    def check_packages(self) -> None:
        """Check that its packages are installed: they are only when it is first asked for.

        Raises:
            PackagesMissing: they are not.
        """
        missing = [name for name in ("streamlit", "altair") if find_spec(name) is None]
        if missing:
            raise PackagesMissing(
                f"the dashboard needs {' and '.join(missing)}, and this environment has none",
                "`make dashboard` installs what is missing and starts it",
            )

    def prepare(self, environment: dict[str, str]) -> None:
        """Create its home folder.

        Raises:
            StackError: the password of readers cannot be read.
        """
        server_for_readers(self.settings)
        self._home.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """Streamlit with the dashboard's script."""
        options = {
            "server.address": self.settings.bind,
            "server.port": str(self.settings.dashboard_port),
            "server.headless": "true",
            "server.fileWatcherType": "none",
            "browser.gatherUsageStats": "false",
        }
        return [
            *(sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py")),
            *(word for key, value in options.items() for word in (f"--{key}", value)),
        ]

    def is_ready(self) -> bool:
        """Return whether the server is ready for browsers."""
        try:
            answer = local_http().get(f"{self.url}/_stcore/health", timeout=PROBE_SECONDS)
        except requests.RequestException:
            return False
        return answer.ok
