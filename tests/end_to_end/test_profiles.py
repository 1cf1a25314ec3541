"""The target `cluster` of profiles/profiles.yml, as dbt renders it."""

import pytest
import yaml
from dbt.clients.jinja import get_rendered

from stack.settings import ROOT


@pytest.mark.parametrize(("given", "expected"), [("true", True), ("false", False), (None, False)])
def test_tls_is_used_where_the_variable_says_so(given: str | None, expected: bool) -> None:
    profiles = yaml.safe_load((ROOT / "profiles" / "profiles.yml").read_text())
    value = profiles["assay"]["outputs"]["cluster"]["use_ssl"]
    context = {"env_var": lambda name, default: given or default}
    assert get_rendered(value, context, native=True) is expected
