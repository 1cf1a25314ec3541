"""A run's figures for machines: one JSON line, or a Prometheus text file."""

from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from ingest.errors import BadSetting
from ingest.run import Done, Job

GAUGES = {
    "batch": ("assay_ingest_batch", "Id of the last batch"),
    "rows": ("assay_ingest_rows", "Records of the last batch"),
    "bytes": ("assay_ingest_bytes", "Bytes of keys and values of the last batch"),
    "seconds": ("assay_ingest_seconds", "Seconds from the plan to the commit of the last batch"),
    "lag": ("assay_ingest_lag", "Offsets that still waited when the last batch was planned"),
    "endangered": (
        "assay_ingest_endangered_partitions",
        "Partitions in which Kafka may delete messages before they are read",
    ),
    "committed_at": (
        "assay_ingest_committed_timestamp_seconds",
        "When it was committed",
    ),
}


def of(job: Job, done: Done | None) -> dict[str, object]:
    """The figures of a run; those of a batch are 0 where there was nothing new."""
    base = job.committed()
    return {
        "topic": job.source.name,
        "table": job.table,
        "batch": base.batch_id,
        "rows": done.rows if done else 0,
        "bytes": done.bytes if done else 0,
        "seconds": round(done.seconds, 3) if done else 0,
        "lag": done.lag if done else 0,
        "endangered": len(done.endangered) if done else 0,
        "committed_at": base.at.timestamp() if base.at else 0,
    }


def write(path: Path, figures: dict[str, object]) -> None:
    """Write them as Prometheus's node exporter collects them, whole or not at all.

    Raises:
        BadSetting: the file cannot be written.
    """
    registry = CollectorRegistry()
    labels = {name: str(figures[name]) for name in ("topic", "table")}
    for figure, (name, meaning) in GAUGES.items():
        gauge = Gauge(name, meaning, list(labels), registry=registry)
        gauge.labels(**labels).set(float(str(figures[figure])))
    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        raise BadSetting(
            f"cannot write {path} (ASSAY_METRICS_FILE): {error.strerror}", "name a writable place"
        ) from error
