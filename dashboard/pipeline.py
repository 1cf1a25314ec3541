"""The page of the pipeline itself: what arrives, what is rejected, and what was published."""

from collections import defaultdict
from datetime import datetime
from html import escape

from dashboard import parts, queries
from dashboard.errors import NotPublished
from dashboard.formats import count, duration, moment, percent, plural, times
from dashboard.parts import Column, figure
from dashboard.publication import Publication
from dashboard.queries import Row
from dashboard.reading import Data, Reader

QUERIES = (
    queries.INGEST_LAG,
    queries.FRESHNESS,
    queries.REJECTIONS_BY_REASON,
    queries.RECONCILIATION,
)
RECONCILED = "reconciled"
MAX_BUILDS = 5


def show(reader: Reader) -> Publication:
    """Write the page."""
    data = reader.read(QUERIES)
    failures = reader.read_now(queries.AUDIT_FAILURES)
    if not data[queries.INGEST_LAG]:
        raise NotPublished("No batch is ingested yet", "`python -m ingest run` ingests the first.")
    parts.html(
        parts.title("Pipeline", "Whether the data are complete, fresh and tested."),
        parts.unseen_section("In short"),
        parts.cards(
            [_lag_card(data), _rejected_card(data), _rows_card(data), _rules_card(failures)]
        ),
    )
    parts.html(_freshness(data), _lag(data))
    parts.html(_rejections(data), _reconciliation(data), _rules(failures), _builds(reader))
    return data.publication


def _lag_card(data: Data) -> str:
    query = queries.INGEST_LAG
    lag = parts.total(query, "lag_offsets", data[query], lambda number: plural(number, "offset"))
    return parts.card("Lag behind Kafka", lag, f"in {plural(len(data[query]), 'partition')}")


def _rejected_card(data: Data) -> str:
    query = queries.REJECTIONS_BY_REASON
    records = parts.total(
        queries.RECONCILIATION,
        "raw_rows",
        data[queries.RECONCILIATION],
        lambda number: plural(number, "record"),
    )
    rejected = parts.total(query, "messages", data[query], count)
    return parts.card("Rejected messages", rejected, f"of {records}")


def _rows_card(data: Data) -> str:
    batches = data[queries.RECONCILIATION]
    lost = sum(row["batches"] for row in batches if row["status"] != RECONCILED)
    return parts.card(
        "Reconciliation",
        "all reconciled" if not lost else f"{plural(lost, 'batch', 'batches')} to look at",
        f"of {plural(sum(row['batches'] for row in batches), 'batch', 'batches')}",
    )


def _rules_card(failures: list[Row]) -> str:
    errors = [row for row in failures if row["severity"] == "error"]
    warnings = len(failures) - len(errors)
    return parts.card(
        "Failed rules",
        "none" if not errors else count(len(errors)),
        plural(warnings, "warning") if warnings else "of the tests that ran last",
    )


def _freshness(data: Data) -> str:
    query = queries.FRESHNESS
    order = ("recorded", "sent to Kafka", "ingested")
    rows = sorted(data[query], key=lambda row: order.index(row["step"]))
    recorded = rows[0]
    as_of = times(recorded.get("as_of"))
    return parts.section(
        f"The newest attempt was recorded {duration(recorded.get('seconds_old'))} before the last "
        "ingest",
        f"Ages as of {moment(as_of)}, the last ingest." if as_of else "",
    ) + parts.table(
        "The newest data at each step",
        [
            parts.text_column("Step", "step"),
            Column("Newest", lambda row: _time(query, "newest_at", row), "number"),
            parts.number_column("Age", query, "seconds_old", duration),
        ],
        rows,
    )


def _time(query: queries.Query, column: str, row: Row) -> str:
    value = times(row.get(column))
    return figure(query, column, row, moment(value) if value else "none")


def _lag(data: Data) -> str:
    query = queries.INGEST_LAG
    rows = sorted(data[query], key=lambda row: (row["topic"], row["topic_id"], row["partition"]))
    behind = sum(row["lag_offsets"] > 0 for row in rows)
    finding = (
        f"{plural(behind, 'partition is', 'partitions are')} behind Kafka"
        if behind
        else "No partition is behind Kafka"
    )
    return parts.section(finding, "As of the newest batch of each partition.") + parts.table(
        "Lag by partition",
        [
            Column("Partition", lambda row: f"{escape(row['topic'])} {row['partition']}"),
            parts.number_column("Batch", query, "batch_id", count),
            parts.number_column("Next offset", query, "next_offset", count),
            parts.number_column("Lag", query, "lag_offsets", count),
            Column(
                "Committed",
                lambda row: _time(query, "committed_at", row),
                "number",
                is_optional=True,
            ),
        ],
        rows,
    )


def _rejections(data: Data) -> str:
    query = queries.REJECTIONS_BY_REASON
    rows = sorted(data[query], key=lambda row: (-row["messages"], row["reason"]))
    rejected = [row for row in rows if row["messages"]]
    if not rejected:
        return parts.section(
            "No message is rejected", f"Messages are rejected for {len(rows)} reasons."
        )

    def example(row: Row) -> str:
        detail = escape(row.get("newest_detail") or "")
        return f"{escape(row['newest_record'])}<small>{detail}</small>"

    return parts.section(
        f"Most rejected messages: {rejected[0]['meaning']}",
        "The example is the newest record: its topic, partition and offset.",
    ) + parts.table(
        "Rejected messages by reason",
        [
            Column(
                "Reason",
                lambda row: (
                    f"{escape(row['meaning'])}<small><code>{escape(row['reason'])}</code></small>"
                ),
            ),
            parts.number_column("Messages", query, "messages", count),
            parts.number_column("Share", query, "share_of_rejected", percent, is_optional=True),
            Column("Example", example),
        ],
        rejected,
    )


def _reconciliation(data: Data) -> str:
    query = queries.RECONCILIATION
    rows = sorted(data[query], key=lambda row: row["status"])
    whole = all(row["status"] == RECONCILED for row in rows)
    return parts.section(
        "Every record is accounted for" if whole else "Some batches are not reconciled",
        "Records by the batch log and in the raw table; raw records are staged or rejected, and "
        "staged ones are attempts or duplicates of one.",
    ) + parts.table(
        "What became of the records",
        [
            parts.text_column("Status", "status"),
            parts.number_column("Logged", query, "logged_rows", count, is_optional=True),
            parts.number_column("Raw", query, "raw_rows", count),
            parts.number_column("Staged", query, "staged_rows", count),
            parts.number_column("Rejected", query, "rejected_rows", count),
            parts.number_column("Attempts", query, "flattened_rows", count),
            parts.number_column("Duplicates", query, "duplicate_rows", count),
        ],
        rows,
    )


def _rules(failures: list[Row]) -> str:
    query = queries.AUDIT_FAILURES
    if not failures:
        return parts.section("No rule is broken", "No test that ran last has a failing row.")
    rows = sorted(failures, key=lambda row: (row["severity"], -row["failing_rows"]))
    return parts.section(
        f"{plural(len(rows), 'rule is', 'rules are')} broken",
        "A table whose test fails is not published; readers see what they saw before.",
    ) + parts.table(
        "Rules that tests found broken",
        [
            Column(
                "Rule",
                lambda row: f"{escape(row['rule'])}<small>{escape(row['test_name'])}</small>",
            ),
            parts.text_column("Severity", "severity"),
            parts.number_column("Rows", query, "failing_rows", count),
            parts.text_column("Example", "example", is_optional=True),
        ],
        rows,
    )


def _builds(reader: Reader) -> str:
    """Return the builds whose tables readers see, by when they published them."""
    builds: defaultdict[tuple[datetime, int], list[str]] = defaultdict(list)
    for name, view in reader.all_published().items():
        if view.snapshot:
            builds[view.published_at, view.batch].append(name)
    rows: list[Row] = [
        {"at": moment(at), "batch": batch, "tables": len(names)}
        for (at, batch), names in sorted(builds.items(), reverse=True)[:MAX_BUILDS]
    ]
    return parts.section(
        f"The last build published {plural(rows[0]['tables'], 'table')}" if rows else "No build",
        "Published tables that readers see now, by when they were published. A table that did "
        "not change is not published again.",
    ) + parts.table(
        "Last builds",
        [
            parts.text_column("Published", "at"),
            Column("Ingest batch", lambda row: count(row["batch"]), "number"),
            Column("Tables", lambda row: count(row["tables"]), "number"),
        ],
        rows,
    )
