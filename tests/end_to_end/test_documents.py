"""The documents are true: whatever command, file, model or variable they name exists."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
import yaml
from dbt.cli.main import cli as dbt

import dictionary.errors
import ingest.cli
import ingest.errors
import sample.cli
import stack.cli
import stack.errors
from ingest.settings import Settings as IngestSettings
from stack.settings import ROOT
from stack.settings import Settings as StackSettings
from tests.end_to_end.blocks import DOCUMENTS
from tests.end_to_end.project import manifest, published, relations

MODULES = {
    name: typer.main.get_command(module.app)
    for name, module in (("ingest", ingest.cli), ("sample", sample.cli), ("stack", stack.cli))
}
SCHEMAS = "core|items|questions|operations|flattened|reference|staging|raw|audit"
# What the documents give as an example, or what a user makes.
EXAMPLES = {
    *(".env", "ingest.toml", "attempts.json", "raw.exam_2_a", "raw.second_exam"),
    *("target/docs/metrics.html", "target/docs/models.html", "questions.attempts_by_length"),
}
# Where settings besides those of the classes are read.
SOURCES = ("profiles", "ingest", "stack", "Makefile", "demo.py", "docker-compose.yml")

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def current(document: Path) -> str:
    """The text without the names that a table lists as old."""
    lines, old = [], None
    for line in document.read_text().splitlines():
        cells = line.split("|")
        if not line.startswith("|"):
            old = None
        elif old is None:
            names = [cell.strip() for cell in cells]
            old = names.index("old") if "old" in names else -1
        elif old > 0:
            cells[old] = ""
        lines.append("|".join(cells))
    return "\n".join(lines)


def code(document: Path) -> list[str]:
    """What stands in backticks, and the lines of fenced shell blocks."""
    text = current(document)
    lines = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
        for line in block.splitlines()
    ]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    spans = re.findall(r"``(.+?)``|`([^`\n]+)`", re.sub(r"(?<!\|)\n(?!\|)", " ", prose))
    return lines + [long or short for long, short in spans]


def commands(document: Path) -> Iterator[list[str]]:
    """The words of each command."""
    for line in code(document):
        if not re.search(r"\b(python -m|dbt|make)\s", line):
            continue
        words: list[str] = []
        for word in [*shlex.split(line.replace("$(", " "), comments=True), "|"]:
            if word in ("|", "&&", "<", ">"):
                if words:
                    yield words
                words = []
            else:
                words.append(word)


def check_options(command: Any, words: list[str]) -> None:
    """Follow a command line through its groups, and look for each option."""
    while hasattr(command, "commands"):  # typer's groups are not click's
        if not words or words[0].startswith("-"):
            break
        assert words[0] in command.commands, f"there is no {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    if command.context_settings.get("ignore_unknown_options"):
        return
    known = {"--help"} | {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.split("=")[0] in known, f"{command.name} has no option {word}"


@cache
def dbt_names() -> dict[str, set[str]]:
    """The macros, variables and models that dbt knows."""
    nodes = manifest()["nodes"].values()
    return {
        "macros": {macro["name"] for macro in manifest()["macros"].values()},
        "vars": set(yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]),
        "models": {node["name"] for node in nodes},
    }


def check_dbt(words: list[str]) -> None:
    """A command of dbt, with the macro, the models and the variables that it names."""
    check_options(dbt, words)
    if words[:1] == ["run-operation"]:
        assert words[1] in dbt_names()["macros"], words[1]
    for option, value in pairwise(words):
        if option == "--vars":
            assert set(yaml.safe_load(value)) <= dbt_names()["vars"], value
        if option == "--select" and not value.startswith(
            ("test_type:", "resource_type:", "state:")
        ):
            name = value.split(",")[0].strip("+")
            made = "".join(document.read_text() for document in DOCUMENTS)
            assert name in dbt_names()["models"] or f"- name: {name}\n" in made, name


def check_make(words: list[str]) -> None:
    """Targets of make, and variables that the Makefile reads."""
    content = (ROOT / "Makefile").read_text()
    for word in words:
        name, is_variable, _ = word.partition("=")
        if is_variable:
            assert re.search(rf"\$[($]{name}\b", content), f"make takes no {name}"
        else:
            assert re.search(rf"^{name}:", content, re.M), f"there is no target {name}"


@documents
def test_commands_and_their_options_exist(document: Path) -> None:
    for words in commands(document):
        if words[:2] == ["python", "-m"] and words[2] in MODULES:
            check_options(MODULES[words[2]], words[3:])
        elif words[:2] == ["python", "-m"]:
            assert find_spec(words[2]), words
        elif words[0] == "dbt":
            check_dbt(words[1:])
        elif words[0] == "make":
            check_make(words[1:])


@documents
def test_single_options_exist(document: Path) -> None:
    def options(command: Any) -> Iterator[str]:
        for parameter in command.params:
            yield from (*parameter.opts, *parameter.secondary_opts)
        for each in getattr(command, "commands", {}).values():
            yield from options(each)

    known = {"--help"} | {o for command in (*MODULES.values(), dbt) for o in options(command)}
    elsewhere = (ROOT / "pyproject.toml").read_text() + (ROOT / "Makefile").read_text()
    for span in code(document):
        if option := re.fullmatch(r"(--[a-z-]+)( .*)?", span):
            assert option[1] in known or option[1] in elsewhere, span


@documents
def test_files_and_folders_exist(document: Path) -> None:
    names = {path.name for folder in ROOT.iterdir() if folder.is_dir() for path in tree(folder)}
    for span in set(code(document)) - EXAMPLES:
        if re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", span) and ("/" in span or is_file_name(span)):
            found = any(ROOT.glob(span)) or ("/" not in span and span in names)
            assert found, f"there is no {span}"


def is_file_name(text: str) -> bool:
    """Whether it looks like the name of a file of the project."""
    return bool(re.fullmatch(r"[\w-][\w.-]*\.(py|sql|yml|xml|md|toml|lock|txt|in|conf|csv)", text))


def tree(folder: Path) -> Iterator[Path]:
    """The files of the project below a folder of the root."""
    if not folder.name.startswith(".") and folder.name != "target":
        yield from folder.rglob("*.*")


@documents
def test_relations_and_models_exist(document: Path) -> None:
    known = {published(node) for node in relations()} | {
        f"{source['schema']}.{name}"
        for source in manifest()["sources"].values()
        for name in (source["name"], source["identifier"])
    }
    macros = " ".join(path.read_text() for path in (ROOT / "macros" / "publish").glob("*.sql"))
    for span in set(code(document)) - EXAMPLES:
        for schema, name in re.findall(rf"\b({SCHEMAS})\.([a-z]\w+)\b(?!/)", span):
            is_own = schema == "audit" and f".{name}" in macros
            assert is_own or f"{schema}.{name}" in known | EXAMPLES, span
        if re.fullmatch(r"(stg|base|flat|int|fct|dim)_\w+", span):
            assert span in dbt_names()["models"], span


@documents
def test_variables_exist(document: Path) -> None:
    files = [path for name in SOURCES for path in (ROOT / name, *(ROOT / name).rglob("*.*"))]
    texts = [path.read_text() for path in files if path.suffix in (".py", ".yml")]
    read = {name for text in texts for name in re.findall(r"\w+", text)}
    for name in re.findall(r"\b(?:ASSAY|DBT_ENV)_[A-Z_]*[A-Z]\b", current(document)):
        assert name in variables() or name in read, name


def variables() -> set[str]:
    """The variables of all settings."""
    fields = {*IngestSettings.model_fields, *StackSettings.model_fields}
    return {f"ASSAY_{field}".upper() for field in fields}


def test_every_setting_and_variable_is_listed() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    listed = set(re.findall(r"`(\w+)`", text))
    assert variables() <= listed, variables() - listed
    assert dbt_names()["vars"] <= listed, dbt_names()["vars"] - listed


def test_every_error_is_listed_with_its_exit_code() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    listed = {
        (int(code), name) for code, name in re.findall(r"^\| (\d+) \|.*?\| `(\w+)` \|", text, re.M)
    }
    assert listed == (
        codes(dictionary.errors, Exception)
        | codes(ingest.errors, ingest.errors.IngestError)
        | codes(stack.errors, stack.errors.StackError)
    )


def codes(module: ModuleType, base: Any) -> set[tuple[int, str]]:
    """Each kind of error of a module, with its exit code."""
    kinds: list[Any] = [kind for kind in vars(module).values() if isinstance(kind, type)]
    return {(k.exit_code, k.__name__) for k in kinds if issubclass(k, base) and k is not base}


def test_the_changelog_names_what_is_there() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    for old, new in re.findall(r"^\| \d+ \| `(\w+)` \| `(\w+)` \|$", text, re.M):
        assert hasattr(ingest.errors, new) and not hasattr(ingest.errors, old), new
    columns = {published(node): set(node["columns"]) for node in relations()}
    for models, old, new in re.findall(r"^\| (`\w+\..+`) \| `(\w+)` \| `(\w+)` \|$", text, re.M):
        for model in re.findall(r"[\w.]+", models):
            assert new in columns[model] and old not in columns[model], (model, new)


@documents
def test_links_lead_somewhere(document: Path) -> None:
    for path, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", document.read_text()):
        target = document.parent / path if path else document
        assert target.exists(), path
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.M) if anchor else []
        slugs = {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}
        assert not anchor or anchor in slugs, anchor


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 90


@documents
def test_lines_are_short(document: Path) -> None:
    for line in document.read_text().splitlines():
        assert len(line) <= 115, line
