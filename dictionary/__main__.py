"""Make the pages from what dbt wrote.

Usage: python -m dictionary FOLDER     (`make docs`)
"""

import json
import sys
from pathlib import Path

from dictionary.errors import DictionaryError
from dictionary.pages import metrics_page, models_page


def main(folder: Path) -> None:
    """Write `metrics.html` and `models.html` into the folder with dbt's files.

    Raises:
        DictionaryError: dbt's files are not there, or a model lacks what a page shows.
    """
    try:
        page, catalog, manifest = (
            (folder / name).read_text("utf-8")
            for name in ("static_index.html", "catalog.json", "manifest.json")
        )
    except OSError as error:
        raise DictionaryError(
            f"{error.filename}: {error.strerror}", "run `make docs`, which runs dbt first"
        ) from error
    for name, text, shows in (
        ("metrics.html", metrics_page(json.loads(manifest)), "what each metric means"),
        ("models.html", models_page(page, catalog, manifest), "all models, as dbt describes them"),
    ):
        (folder / name).write_text(text, "utf-8")
        print(f"{folder / name}: {shows}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except DictionaryError as error:
        print(f"error: {error.problem}\nremedy: {error.remedy}", file=sys.stderr)
        sys.exit(error.exit_code)
