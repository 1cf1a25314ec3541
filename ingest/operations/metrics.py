"""The metrics of a run: one JSON line, or a Prometheus text file."""

from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from ingest.errors import BadSetting
from ingest.raw_table import TableState
from ingest.run import BatchResult, Job

GAUGES = {
    "batch": ("assay_ingest_batch", "Id of the last batch"),
    "rows": ("assay_ingest_rows", "Records of the last batch"),
    "bytes": ("assay_ingest_bytes", "Bytes of keys and values of the last batch"),
    "seconds": ("assay_ingest_seconds", "Seconds from the plan to the commit of the last batch"),
    "lag": ("assay_ingest_lag", "Offsets that the last batch left unread"),
    "at_risk": (
        "assay_ingest_at_risk_partitions",
        "Partitions in which Kafka may delete messages before they are read",
    ),
    "committed_at": (
        "assay_ingest_committed_timestamp_seconds",
        "Time of the last batch's commit",
    ),
}


def of(job: Job, state: TableState, result: BatchResult | None) -> dict[str, object]:
    """Return the figures of a run; those of a batch are 0 if there was nothing new.

    Args:
        job: the job that ran.
        state: state of the table after the run.
        result: the batch, None if there was nothing new.
    """
    return {
        "topic": job.source.name,
        "table": job.table,
        "batch": state.batch_id,
        "rows": result.rows if result else 0,
        "bytes": result.bytes if result else 0,
        "seconds": round(result.seconds, 3) if result else 0,
        "lag": result.lag if result else 0,
        "at_risk": len(result.at_risk) if result else 0,
        "committed_at": state.at.timestamp() if state.at else 0,
    }


def write(path: Path, figures: dict[str, object]) -> None:
    """Write the figures to a file for Prometheus's node exporter, atomically.

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
