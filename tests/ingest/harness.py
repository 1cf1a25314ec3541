"""Run ingest as a user does, and read the contents of Kafka and of the table."""

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from pyspark.sql import Row, SparkSession

from ingest import kafka_client
from ingest.settings import Settings
from tests import forked
from tests.commands import check

Coordinates = tuple[int, int]
Record = tuple[bytes | None, bytes | None, int, list[tuple[str, bytes]]]


def ingest(*arguments: str, expect: int = 0, **environment: str) -> str:
    """Run a command as a user does and return its output; an error must name its remedy."""
    return _run("ingest", *arguments, expect=expect, **environment)


def publish(*arguments: str, expect: int = 0, **environment: str) -> str:
    """Do the same with `python -m sample publish`."""
    return _run("sample", "publish", *arguments, expect=expect, **environment)


def _run(program: str, *arguments: str, expect: int, **environment: str) -> str:
    code, output, errors = forked.run_apart(program, *arguments, timeout=120, **environment)
    check(code, output, errors, expect)
    return output + errors


def client() -> dict[str, object]:
    """Arguments of a Kafka client that connects as ingest does."""
    return kafka_client.arguments(Settings().connection())


def send(topic: str, *values: bytes | None, partition: int = 0, **options: object) -> None:
    producer = KafkaProducer(**client())
    for value in values:
        producer.send(topic, value, partition=partition, **options).get(timeout=10)
    producer.close()


def in_kafka(topic: str) -> dict[Coordinates, Record]:
    """Return every record that a plain consumer of committed messages reads."""
    consumer = KafkaConsumer(
        **client(),
        isolation_level="read_committed",
        auto_offset_reset="none",
        group_id=None,
    )
    partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
    ends = consumer.end_offsets(partitions)
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    found: dict[Coordinates, Record] = {}
    while any(consumer.position(p) < ends[p] for p in partitions):
        for records in consumer.poll(1000).values():
            for r in records:
                found[r.partition, r.offset] = (r.key, r.value, r.timestamp, list(r.headers))
    consumer.close()
    return found


def in_table(spark: SparkSession, topic: str) -> dict[Coordinates, Record]:
    rows: list[Row] = spark.sql(
        "select partition, offset, key, value, headers, "
        "coalesce(out_of_range_timestamp, unix_millis(timestamp)) as ms "
        f"from {table_of(topic)}"
    ).collect()
    found: dict[Coordinates, Record] = {}
    for r in rows:
        assert (r.partition, r.offset) not in found, "a message is in the table twice"
        headers = [(h.key, bytes(h.value)) for h in r.headers]
        key = None if r.key is None else bytes(r.key)
        value = None if r.value is None else bytes(r.value)
        found[r.partition, r.offset] = (key, value, r.ms, headers)
    return found


def table_of(topic: str) -> str:
    return Settings(topic=topic).raw_table


def snapshots(spark: SparkSession, topic: str) -> int:
    return spark.sql(f"select 1 from {table_of(topic)}.snapshots").count()
