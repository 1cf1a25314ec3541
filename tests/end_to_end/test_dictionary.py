"""The pages of `make docs`, as a reader opens them from their files, in Chromium."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dictionary.errors import DictionaryError
from dictionary.metrics import metrics
from stack.settings import ROOT
from tests.chromium import chromium
from tests.end_to_end.project import manifest, published

META = ("formula", "unit", "population", "min_n")
COLUMN = ("name", "data_type", "description")
WIDTHS = (1280, 390)
METRICS = "metrics.html"
MODELS = "models.html#!/model/model.assay.average_score"


def plain(text: str) -> str:
    """Text as it is read, without the marks of code."""
    return " ".join(text.replace("`", "").split())


@pytest.fixture(scope="module")
def pages() -> Path:
    """The folder of the pages, made by the commands of `make docs` without any service."""
    made = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "docs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    commands = [line for line in made.stdout.splitlines() if "bootstrap" not in line]
    assert len(commands) == 2
    result = subprocess.run(
        ["bash", "-ec", "\n".join(commands)],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "ASSAY_THRIFT_PORT": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return ROOT / "target" / "docs"


@pytest.fixture(scope="module")
def browser(inherited: dict[str, str]) -> Iterator[Browser]:
    with chromium(inherited) as found:
        yield found


@pytest.fixture(params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of a desktop's or a phone's width, that may ask nothing but files."""
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    asked: list[str] = []
    context.on("request", lambda found: asked.append(found.url))
    yield context.new_page()
    context.close()
    assert asked
    assert [url for url in asked if not url.startswith(("file://", "data:"))] == []


def test_both_pages_open_from_their_files(pages: Path, page: Page) -> None:
    page.goto(f"{(pages / METRICS).as_uri()}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Metric dictionary")
    page.goto(f"{pages.as_uri()}/{MODELS}")
    expect(page.get_by_role("heading", name="average_score")).to_be_visible()
    expect(page.get_by_text("questions.average_score")).to_be_visible()
    expect(page.get_by_role("row", name="average_over_attempts")).to_contain_text("double")


def test_every_question_is_explained_without_javascript(pages: Path, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((pages / METRICS).as_uri())
    models = [
        node
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][-2] in ("questions", "items")
    ]
    assert page.locator("article").count() == len(models)
    for node in models:
        said = plain(page.locator(f"article#{node['name']}").inner_text())
        columns = node["columns"].values()
        expected = [
            node["description"].split("?")[0] + "?",
            published(node),
            *(str(node["config"]["meta"][name]) for name in META),
            *(column[field] for column in columns for field in COLUMN),
            *(
                test["name"].replace("_", " ")
                for test in manifest()["unit_tests"].values()
                if test["model"] == node["name"]
            ),
        ]
        assert [text for text in expected if plain(text) not in said] == [], node["name"]
    assert "the mean is within its interval" in page.locator("#course_difficulty").inner_text()
    assert "one row for each exam_name" in page.locator("#course_popularity").inner_text()
    context.close()


def test_it_fits_its_width_and_every_link_leads_somewhere(pages: Path, page: Page) -> None:
    page.goto((pages / METRICS).as_uri())
    width, visible = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert width == visible
    links = page.get_by_role("link").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    models = {f"models.html#!/model/{name}" for name in manifest()["nodes"]} | {"models.html"}
    anchors = set(page.locator("[id]").evaluate_all("all => all.map(e => '#' + e.id)"))
    assert set(links) <= models | anchors


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(pages: Path, page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto((pages / METRICS).as_uri())
    found = Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert serious == []


def test_what_is_missing_is_named_with_its_remedy(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "dictionary", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == DictionaryError.exit_code
    assert result.stderr.startswith(f"error: {tmp_path}/static_index.html: No such file")
    assert "remedy: " in result.stderr and "make docs" in result.stderr


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"description": "The mean of all scores. One row."}, "is not described"),
        ({"config": {"schema": "questions", "meta": {"unit": "share"}}}, "has no formula, min_n, "),
    ],
)
def test_a_model_that_lacks_something_is_named(changed: dict[str, Any], problem: str) -> None:
    model = "model.assay.average_score"
    nodes = {model: manifest()["nodes"][model] | changed}
    with pytest.raises(DictionaryError, match=rf"average_score {problem}") as raised:
        metrics({"nodes": nodes, "unit_tests": {}})
    assert "models/marts/questions/average_score.yml" in raised.value.remedy
