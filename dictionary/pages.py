"""The two pages, each one file without scripts or styles from elsewhere."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from dictionary.metrics import metrics


def metrics_page(manifest: dict[str, Any]) -> str:
    """Return the metric dictionary as HTML.

    Raises:
        DictionaryError: a model lacks what the page shows.
    """
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["code"] = with_code
    return templates.get_template("metrics.html").render(metrics=metrics(manifest))


def with_code(text: str) -> Markup:
    """Return text as HTML, with what stands in backticks as code."""
    parts = text.split("`")
    code = Markup("<code>{}</code>")
    return Markup("").join(
        code.format(part) if is_code % 2 else escape(part) for is_code, part in enumerate(parts)
    )


def models_page(page: str, catalog: str, manifest: str) -> str:
    """Return dbt's static page with the types of columns, and the names that readers use.

    Args:
        page: what `dbt docs generate --static` wrote.
        catalog: the empty catalog that it put into the page.
        manifest: the manifest that it put into the page.
    """
    content = json.loads(manifest)
    for node in content["nodes"].values():
        if node["resource_type"] == "model":
            node["schema"] = node["config"]["schema"]
            node["relation_name"] = f"{node['schema']}.{node['alias']}"
    filled = json.loads(catalog) | types(content)
    return page.replace(catalog, json.dumps(filled)).replace(manifest, json.dumps(content))


def types(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the types that the YAML states as dbt's catalog would; contracts enforce them."""
    return {
        kind: {
            name: {
                "unique_id": name,
                "metadata": {
                    "type": node["config"].get("materialized", "table"),
                    "schema": node["schema"],
                    "name": node["name"],
                },
                "columns": {
                    column["name"]: {
                        "name": column["name"],
                        "type": column["data_type"],
                        "index": index,
                        "comment": column["description"],
                    }
                    for index, column in enumerate(node["columns"].values(), start=1)
                },
                "stats": {},
            }
            for name, node in manifest[kind].items()
            if node["resource_type"] in ("model", "source")
        }
        for kind in ("nodes", "sources")
    }
