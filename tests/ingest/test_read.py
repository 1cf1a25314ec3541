"""The reader's decoding of batches equals kafka-python's decoding of records."""

import gzip
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c
from pyspark import cloudpickle

import ingest
from ingest.arrow import record_batch
from ingest.kafka_client import arguments
from ingest.read import KafkaRange, KafkaRangesReader
from ingest.record_batches import Batch
from stack.settings import ROOT, Settings

pytestmark = pytest.mark.services

Record = tuple[int, int, str, bytes | None, bytes | None, list[tuple[str, bytes | None]]]
TYPES = {0: "CreateTime", 1: "LogAppendTime"}


class NotUtf8(str):
    """A header key as other producers can send it."""

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfe"


@pytest.fixture
def topic(stack: Settings) -> Iterator[str]:
    """A topic of one partition that takes large messages."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    admin = KafkaAdminClient(bootstrap_servers=os.environ["ASSAY_KAFKA"])
    configs = {"max.message.bytes": str(16 * 1024**2)}
    admin.create_topics(
        {name: {"num_partitions": 1, "replication_factor": 1, "configs": configs}},
        wait_for_metadata=True,
    )
    yield name
    admin.delete_topics([name])
    admin.close()


def producer(codec: str | None = None, **options: object) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=os.environ["ASSAY_KAFKA"],
        compression_type=codec,
        linger_ms=200,
        batch_size=1024**2,
        max_request_size=16 * 1024**2,
        **options,
    )


def send(topic: str, *values: bytes | None, codec: str | None = None, **options: object) -> None:
    """Send values in one batch."""
    sender = producer(codec)
    sent = [sender.send(topic, value, partition=0, **options) for value in values]
    sender.flush()
    for future in sent:
        future.get(timeout=10)
    sender.close()


def plain(topic: str) -> list[Record]:
    """Return what kafka-python reads by itself."""
    consumer = KafkaConsumer(
        bootstrap_servers=os.environ["ASSAY_KAFKA"],
        isolation_level="read_committed",
        auto_offset_reset="none",
        group_id=None,
    )
    at = TopicPartition(topic, 0)
    end = consumer.end_offsets([at])[at]
    consumer.assign([at])
    consumer.seek(at, 0)
    found: list[Record] = []
    while consumer.position(at) < end:
        for r in consumer.poll(1000).get(at, ()):
            headers = list(r.headers)
            found.append((r.offset, r.timestamp, TYPES[r.timestamp_type], r.key, r.value, headers))
    consumer.close()
    return found


def as_bytes(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Convert keys and values to binary: the reader returns strings, which Spark copies less."""
    for name in ("key", "value"):
        at = batch.schema.get_field_index(name)
        batch = batch.set_column(at, name, batch[name].cast(pa.binary()))
    return batch


def ours(topic: str, start: int, end: int, skips: Collection[int] = ()) -> list[Record]:
    """Return what a Spark task reads of a range."""
    settings = {"bootstrap_servers": os.environ["ASSAY_KAFKA"]}
    reader = KafkaRangesReader(settings, topic, None, [], {0: frozenset(skips)})
    found: list[Record] = []
    for batch in reader.read(KafkaRange(0, start, end)):
        for row in as_bytes(batch).to_pylist():
            assert (row["topic"], row["partition"]) == (topic, 0)
            headers = [(h["key"], h["value"]) for h in row["headers"]]
            milliseconds = round(row["timestamp"].timestamp() * 1000)
            found.append(
                (
                    row["offset"],
                    milliseconds,
                    row["timestamp_type"],
                    row["key"],
                    row["value"],
                    headers,
                )
            )
    return found


def end_of(topic: str) -> int:
    consumer = KafkaConsumer(
        bootstrap_servers=os.environ["ASSAY_KAFKA"], isolation_level="read_committed"
    )
    try:
        return int(next(iter(consumer.end_offsets([TopicPartition(topic, 0)]).values())))
    finally:
        consumer.close()


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_records_of_every_codec_equal_kafka_pythons(topic: str, codec: str | None) -> None:
    send(topic, *(b"%d" % n * n for n in range(300)), codec=codec)
    send(topic, None, b"", b"\xff\x00", key=b"", codec=codec)
    send(topic, b"x", key=b"k" * 200, timestamp_ms=1, codec=codec)
    headers = [("h", b"1"), ("h", b""), ("", b""), ("ü", b"\xff"), ("h", b"x" * 70)]
    send(topic, b"y", None, key=b"", headers=headers, codec=codec)
    send(topic, b"0123456789" * 1024**2, codec=codec)
    expected = plain(topic)
    assert len(expected) == 307 == end_of(topic)
    assert ours(topic, 0, 307) == expected


def test_headers_without_a_value() -> None:
    """kafka-python's producer does not send them, but others do."""
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 10_000)
    for n in range(3):
        builder.append(n, n, None, b"", [("h", None), ("h", b""), ("h", None)][:n])
    buffer = bytes(builder.build())
    (block,) = Batch(buffer, 0, 10, frozenset())
    assert [list(h) for h in block.header_lists] == [r.headers for r in DefaultRecordBatch(buffer)]
    assert record_batch("t", 0, [block]).to_pylist()[2]["headers"][0] == {"key": "h", "value": None}


def test_gzip_may_have_several_members() -> None:
    """kafka-python and Java's client write one, but a reader has to take all of them."""
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 10_000)
    for n in range(3):
        builder.append(n, n, None, b"%d" % n, [])
    plain_batch = bytes(builder.build())
    header, records = bytearray(plain_batch[:61]), plain_batch[61:]
    # Of members of the same length, each ends with the same four bytes.
    assert len(records) % 3 == 0
    third = len(records) // 3
    content = b"".join(gzip.compress(records[at : at + third]) for at in range(0, 3 * third, third))
    header[22] = 1  # the codec
    header[8:12] = (49 + len(content)).to_bytes(4, "big")
    header[17:21] = calc_crc32c(bytes(header[21:]) + content).to_bytes(4, "big")
    (block,) = Batch(bytes(header) + content, 0, 10, frozenset())
    assert block.values == [b"0", b"1", b"2"]


def test_any_range_within_batches(topic: str) -> None:
    for codec in ("gzip", None):
        send(topic, *(b"%d" % n for n in range(6)), codec=codec)
    expected = plain(topic)
    for start in range(12):
        for end in range(start + 1, 13):
            assert ours(topic, start, end) == expected[start:end]
    assert [r[0] for r in ours(topic, 2, 11, skips={0, 3, 6, 7, 11})] == [2, 4, 5, 8, 9, 10]


def test_transactions(topic: str) -> None:
    sender = producer("gzip", transactional_id=f"{topic}-sender")
    other = producer(None, transactional_id=f"{topic}-other")
    for each in (sender, other):
        each.init_transactions()
    for number in range(6):
        sender.begin_transaction()
        other.begin_transaction()
        for each, name in ((sender, b"sender"), (other, b"other")):
            for n in range(5):
                each.send(topic, b"%s %d %d" % (name, number, n), partition=0)
            each.flush()
        sender.abort_transaction() if number % 2 else sender.commit_transaction()
        other.abort_transaction() if number % 3 else other.commit_transaction()
    sender.close()
    other.close()
    expected = plain(topic)
    end = end_of(topic)
    assert len(expected) == 25 < end
    assert ours(topic, 0, end) == expected
    for start in range(0, end, 7):
        wanted = [r for r in expected if start <= r[0] < start + 10]
        assert ours(topic, start, min(start + 10, end)) == wanted


def test_log_append_time(topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=os.environ["ASSAY_KAFKA"])
    name = f"{topic}-broker-time"
    configs = {"message.timestamp.type": "LogAppendTime"}
    admin.create_topics(
        {name: {"num_partitions": 1, "replication_factor": 1, "configs": configs}},
        wait_for_metadata=True,
    )
    send(name, b"1", b"2", timestamp_ms=1, codec="zstd")
    expected = plain(name)
    assert [r[2] for r in expected] == ["LogAppendTime"] * 2
    assert ours(name, 0, 2) == expected
    admin.delete_topics([name])
    admin.close()


def test_a_corrupt_record_is_named_and_can_be_skipped(topic: str) -> None:
    sender = producer("gzip")
    for n in range(5):
        key = NotUtf8("bad") if n == 2 else "good"
        sender.send(topic, b"%d" % n, partition=0, headers=[(key, b"")])
    sender.flush()
    sender.close()
    with pytest.raises(RuntimeError, match=f"ASSAY_CORRUPT_RECORD {topic} partition 0 offset 2$"):
        ours(topic, 0, 5)
    assert [r[0] for r in ours(topic, 0, 2)] == [0, 1]
    assert [r[0] for r in ours(topic, 0, 5, skips={2})] == [0, 1, 3, 4]


@pytest.mark.parametrize("checksum_fits", [False, True])
def test_a_damaged_batch_is_named_and_can_be_skipped(
    topic: str, stack: Settings, checksum_fits: bool
) -> None:
    for n in range(3):
        send(topic, *(b"%d" % n * 100 for _ in range(4)), codec="gzip")
    damage_batch(stack.state / "kafka" / f"{topic}-0" / f"{0:020}.log", 1, checksum_fits)
    for start in (0, 6):
        with pytest.raises(
            RuntimeError, match=f"ASSAY_CORRUPT_RECORD {topic} partition 0 offset 4$"
        ):
            ours(topic, start, 12)
    assert [r[0] for r in ours(topic, 0, 12, skips={4})] == [0, 1, 2, 3, 8, 9, 10, 11]
    assert [r[0] for r in ours(topic, 6, 12, skips={4})] == [8, 9, 10, 11]


def damage_batch(log: Path, number: int, checksum_fits: bool) -> None:
    """Flip a bit in the broker's log file, and optionally correct the checksum for it."""
    data = bytearray(log.read_bytes())
    at = 0
    for _ in range(number):
        at += 12 + int.from_bytes(data[at + 8 : at + 12], "big")
    end = at + 12 + int.from_bytes(data[at + 8 : at + 12], "big")
    data[at + 61] ^= 1
    if checksum_fits:
        data[at + 17 : at + 21] = calc_crc32c(bytes(data[at + 21 : end])).to_bytes(4, "big")
    with log.open("r+b") as file:
        file.write(data)


def test_a_worker_needs_neither_ingest_nor_pandas(topic: str, tmp_path: Path) -> None:
    """Importing pandas would take each new worker a second."""
    send(topic, b"1", b"2")
    cloudpickle.register_pickle_by_value(ingest)  # type: ignore[no-untyped-call]
    settings = {"bootstrap_servers": os.environ["ASSAY_KAFKA"]}
    reader = KafkaRangesReader(settings, topic, None, [], {})
    sent = tmp_path / "sent"
    pickled = cloudpickle.dumps((reader, KafkaRange(0, 0, 2)))  # type: ignore[no-untyped-call]
    sent.write_bytes(pickled)
    program = (
        "import pickle, sys\n"
        "reader, wanted = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print([value for b in reader.read(wanted) for value in b['value'].to_pylist()])\n"
        "print({'ingest', 'pandas'} & {name.split('.')[0] for name in sys.modules})"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(sent)],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout.splitlines() == ["['1', '2']", "set()"], result.stderr


def test_a_missing_codec_is_named(topic: str) -> None:
    send(topic, b"1" * 1000, codec="snappy")
    program = (
        "import sys; sys.modules['snappy'] = None\n"
        "from tests.ingest.test_read import ours\n"
        f"ours({topic!r}, 0, 1)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "ASSAY_UNSUPPORTED_CODEC snappy" in result.stderr, result.stderr


def test_no_key_is_left_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-subj",
                "/CN=client",
                "-days",
                "2",
            ),
            *("-passout", "pass:secret", "-keyout", tmp_path / "key", "-out", tmp_path / "cert"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    settings = {
        "security_protocol": "SSL",
        "ca_pem": (tmp_path / "cert").read_text(),
        "cert_pem": (tmp_path / "cert").read_text(),
        "key_pem": (tmp_path / "key").read_text(),
    }
    assert "ssl_context" in arguments({**settings, "key_password": "secret"})
    with pytest.raises(OSError, match="PEM"):
        arguments({**settings, "key_password": "wrong"})
    assert list(scratch.iterdir()) == []
