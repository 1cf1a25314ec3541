"""What is published: which snapshot readers see of each mart, and whether they belong together.

A build publishes by replacing views, one after the other. Each view says in its properties which
snapshot it shows, up to which batch and by which code it was made, and from which state of its
parents (`macros/publish/build_record.sql`). So a page knows whether all that it reads is of one
publication.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from dashboard.errors import NotPublished

# A build replaces its views within seconds. If it began longer ago, no build is publishing.
SETTLED = timedelta(minutes=2)


@dataclass(frozen=True)
class View:
    """The record of one published view.

    Args:
        snapshot: the snapshot that it shows; empty for a view of something that is not published.
        batch: the ingest batch up to which it was made; 0 if it does not depend on batches.
        code: hash of the code that made it.
        parents: by name, the code and batch of what it was made from.
        published_at: when the build began to publish, in UTC.
    """

    snapshot: str
    batch: int
    code: str
    parents: Mapping[str, str]
    published_at: datetime


@dataclass(frozen=True)
class Publication:
    """Views that are read together, by their names with schema."""

    views: Mapping[str, View]

    @property
    def key(self) -> str:
        """A digest that changes with each publication of one of the views."""
        states = sorted(
            f"{name} {view.snapshot} {view.batch} {view.code} {view.published_at.timestamp()}"
            for name, view in self.views.items()
        )
        return hashlib.sha256("\n".join(states).encode()).hexdigest()

    @property
    def published_at(self) -> datetime:
        """When the newest of the views was published, in UTC."""
        return max(view.published_at for view in self.views.values())

    @property
    def batch(self) -> int:
        """The newest batch that is in one of the views."""
        return max(view.batch for view in self.views.values())

    @property
    def older(self) -> list[str]:
        """The views that do not have the newest batch yet."""
        return sorted(n for n, view in self.views.items() if 0 < view.batch < self.batch)

    @property
    def is_consistent(self) -> bool:
        """Whether all views have the same batch, and agree on the states of their parents."""
        states = {
            name.split(".")[1]: {f"{view.code}@{view.batch}"} for name, view in self.views.items()
        }
        for view in self.views.values():
            for parent, state in view.parents.items():
                states.setdefault(parent, set()).add(state)
        return not self.older and all(len(known) == 1 for known in states.values())

    def is_settled(self, now: datetime) -> bool:
        """Return whether no build is publishing these views at the moment."""
        return self.is_consistent or now - self.published_at > SETTLED

    def with_all(self, marts: Iterable[str]) -> Self:
        """Return the publication, if all these marts are in it.

        Raises:
            NotPublished: one of the marts is not published.
        """
        missing = sorted(set(marts) - set(self.views))
        if missing:
            raise NotPublished(
                f"Nothing is published yet of {', '.join(missing)}",
                "`make demo` ingests the sample and publishes it; `dbt build` publishes what is "
                "ingested.",
            )
        return self


def parse(schema: str, rows: Iterable[tuple[str, ...]]) -> dict[str, View]:
    """Return the views of a schema from the rows of `show table extended`."""
    return {f"{schema}.{row[1]}": _view(row[3]) for row in rows if "Type: VIEW" in row[3]}


def _view(information: str) -> View:
    build = _find(r"assay\.build=([^,\]\n]+)", information).split(" ")
    batch, code = (build[0], build[1]) if len(build) > 1 else ("0", "")
    return View(
        snapshot=_find(r"assay\.snapshot=(\d+)", information),
        batch=int(batch),
        code=code,
        parents=dict(word.split("=", 1) for word in build[3:]),
        published_at=_published_at(information),
    )


def _published_at(information: str) -> datetime:
    published = _find(r"assay\.published_at=([^,\]\n]+)", information)
    if published:
        return datetime.fromisoformat(published)
    # Views of earlier versions say only when they were created.
    return datetime.fromtimestamp(int(_find(r"transient_lastDdlTime=(\d+)", information) or 0), UTC)


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
