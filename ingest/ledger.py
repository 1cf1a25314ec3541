"""The ledger `raw.ingest_batches`: what each batch brought, for people to read."""

from pyspark.sql import SparkSession

LEDGER = "raw.ingest_batches"
SCHEMA = (
    "topic string, batch_id bigint, partition int, cluster_id string, topic_id string, "
    "start_offset bigint, end_offset bigint, rows bigint, bytes bigint, "
    "min_timestamp timestamp, max_timestamp timestamp, "
    "kafka_begin_offset bigint, kafka_end_offset bigint, decision string, snapshot_id bigint, "
    "job_id string, committed_at timestamp, seconds double"
)


def ensure(spark: SparkSession) -> None:
    """Create the ledger unless it is there."""
    spark.sql(
        f"""
        create table if not exists {LEDGER} ({SCHEMA}) using iceberg
        comment 'What each ingest batch brought. One row per topic, batch and partition.'
        """
    )
