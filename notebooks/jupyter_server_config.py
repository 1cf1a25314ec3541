"""How `make notebook` runs JupyterLab: on this machine only, and without asking the network."""

from typing import Any

c = get_config()  # type: ignore[name-defined]  # noqa: F821 -- Jupyter provides it


def without_announcements(_: object, page: dict[str, Any]) -> dict[str, Any]:
    """Leave out the extension that asks whether it may fetch Jupyter's news."""
    disabled = [*page["disabledExtensions"], "@jupyterlab/apputils-extension:announcements"]
    return page | {"disabledExtensions": disabled}


c.ServerApp.ip = "127.0.0.1"
c.ServerApp.allow_root = True  # as in a container; the services run as the same user
c.ServerApp.answer_yes = True  # the first Ctrl-C stops it
c.ServerApp.tornado_settings = {"page_config_hook": without_announcements}
c.Application.log_level = "ERROR"  # the address is printed nevertheless
c.KernelManager.transport_encryption = "auto"  # between Jupyter and Python
c.LabApp.default_url = "/lab/tree/notebooks/tracking_user_activity.ipynb"
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
