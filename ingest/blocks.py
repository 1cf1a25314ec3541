"""Decode Kafka's record batches into columns, without an object for each record.

kafka-python makes two objects of every record, which costs more than all else that a worker does.
Here a batch becomes one `Block`. Which batches are read, and where reading goes on, is decided by
kafka-python as ever: transactions, control records, compaction, positions (see `deliver`).
"""

from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence, Sized
from functools import partial
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa
from isal import igzip
from kafka import KafkaConsumer, codec
from kafka.consumer.fetcher import ConsumerRecord, Fetcher
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint

Headers = Sequence[tuple[str, bytes | None]]

NO_HEADERS: Headers = ()
TIMESTAMP_TYPES = {0: b"CreateTime", 1: b"LogAppendTime"}
SCHEMA = pa.schema(
    [
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("timestamp_type", pa.string()),
        ("key", pa.string()),
        ("value", pa.string()),
        ("headers", pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))),
        ("out_of_range_timestamp", pa.int64()),
    ]
)
# Of the moments that a reader in any language can hold: the years 0001 to 9999, in milliseconds.
MIN_TIMESTAMP, MAX_TIMESTAMP = -62_135_596_800_000, 253_402_300_799_999
# By the number in a batch. Names, not functions: these are the libraries' own, and a worker that
# lacks one could not even load a reader that mentions it.
CODECS = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}


class Undecodable(Exception):
    """A damaged record, or a damaged batch.

    Attributes:
        offset: of the record; where no record can be told, the first of the batch.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class NoCodec(Exception):
    """A batch is compressed by a codec whose library is not installed; the argument names it."""


class Block:
    """Records as columns.

    A batch's block passes through kafka-python as if it were one record, whose value it is.

    Attributes:
        offset: the batch's last, so that kafka-python goes on after it.
        timestamps: in milliseconds.
    """

    key, headers, checksum, timestamp = None, (), None, -1

    def __init__(self, offset: int, timestamp_type: int) -> None:
        self.offset = offset
        self.timestamp_type = timestamp_type
        self.offsets: list[int] = []
        self.timestamps: list[int] = []
        self.keys: list[bytes | None] = []
        self.values: list[bytes | None] = []
        self.header_lists: list[Headers] = []

    @property
    def value(self) -> "Block":
        """The block itself."""
        return self

    @property
    def size_in_bytes(self) -> int:
        """Of its keys and values."""
        return sum(len(data) for data in chain(self.keys, self.values) if data is not None)

    def __len__(self) -> int:
        """How many records."""
        return len(self.offsets)

    def validate_crc(self) -> bool:
        """The batch was checked as a whole."""
        return True


class Batch(DefaultRecordBatch):  # type: ignore[misc]
    """A record batch that is iterated as one block.

    Args:
        buffer: the batch's bytes.
        start: of its records, those before are passed over.
        end: these and later ones too.
        skips: offsets to pass over, decodable or not. The first offset of a damaged batch stands
            for the batch.

    Raises:
        Undecodable: the checksum is wrong.
    """

    def __init__(self, buffer: bytes, start: int, end: int, skips: Collection[int]) -> None:
        super().__init__(buffer)
        self.start, self.end, self.skips = start, end, skips
        self.is_passed_over = False
        if not super().validate_crc():
            self._pass_over()

    def _pass_over(self, cause: Exception | None = None) -> None:
        if self.base_offset not in self.skips:
            raise Undecodable(self.base_offset) from cause
        self.is_passed_over = True

    def validate_crc(self) -> bool:
        """Whether it may be read on: it was checked when it was made."""
        return True

    @property
    def is_control_batch(self) -> bool:
        """Whether it is a transaction's mark; nothing that a damaged header says is believed."""
        return bool(super().is_control_batch) and not self.is_passed_over

    def has_producer_id(self) -> bool:
        """Whether it may belong to a transaction."""
        return bool(super().has_producer_id()) and not self.is_passed_over

    def __iter__(self) -> Iterator[Block]:
        """Yield the one block, empty where the batch is passed over.

        Raises:
            Undecodable: the batch or a record of it.
            NoCodec: it is compressed by one that is not installed.
        """
        block = Block(self.last_offset, self.timestamp_type)
        if not self.is_passed_over:
            try:
                self._decode(self._uncompressed(), block)
            except (Undecodable, NoCodec):
                raise
            except Exception as error:  # each codec's library has errors of its own
                self._pass_over(error)
                block = Block(self.last_offset, self.timestamp_type)
        yield block

    def _uncompressed(self) -> bytes:
        data = bytes(memoryview(self._buffer)[self.HEADER_STRUCT.size :])
        if self.compression_type == self.CODEC_NONE:
            return data
        name = CODECS[self.compression_type]
        if name == "gzip":  # igzip takes a third of the time of Python's own
            return bytes(igzip.decompress(data))  # type: ignore[no-untyped-call]
        if not getattr(codec, f"has_{name}")():
            raise NoCodec(name)
        return bytes(getattr(codec, f"{name}_decode")(data))

    def _decode(self, data: bytes, block: Block) -> None:
        """Append the wanted records to the block.

        Raises:
            Undecodable: a record, of which the offset can be told, is damaged.
            ValueError: the batch is.
            IndexError: the batch is.
        """
        # This loop is what a worker spends its time in: no calls but those that are needed.
        is_append_time = self.timestamp_type == self.LOG_APPEND_TIME
        base_offset, first_timestamp = self.base_offset, self.first_timestamp
        first, last, skips, size = self.start, self.end, self.skips, len(data)
        end = 0
        for _ in range(self.records_count):
            length, pos = decode_varint(data, end)
            end = pos + length
            timestamp_delta, pos = decode_varint(data, pos + 1)  # a byte of unused attributes
            offset_delta, pos = decode_varint(data, pos)
            if length < 0 or end > size:
                raise ValueError("a record ends outside of its batch")
            offset = base_offset + offset_delta
            if offset >= last:
                return
            if offset < first or offset in skips:
                continue
            try:
                length, pos = decode_varint(data, pos)
                key = None if length < 0 else data[pos : (pos := pos + length)]
                length, pos = decode_varint(data, pos)
                value = None if length < 0 else data[pos : (pos := pos + length)]
                headers, pos = _headers(data, pos) if data[pos] else (NO_HEADERS, pos + 1)
                if pos != end:
                    raise ValueError(f"a record ends {pos - end} bytes off")
            except (ValueError, IndexError) as error:
                raise Undecodable(offset) from error
            block.offsets.append(offset)
            block.timestamps.append(
                self.max_timestamp if is_append_time else _int64(first_timestamp + timestamp_delta)
            )
            block.keys.append(key)
            block.values.append(value)
            block.header_lists.append(headers)
        if end != size:
            raise ValueError(f"{size - end} bytes follow the last record")


def _int64(number: int) -> int:
    """The number that is left of a sum in 64 bits, as every other Kafka client adds."""
    return (number + 2**63) % 2**64 - 2**63


def _headers(data: bytes, pos: int) -> tuple[Headers, int]:
    count, pos = decode_varint(data, pos)
    headers: list[tuple[str, bytes | None]] = []
    for _ in range(count):
        length, pos = decode_varint(data, pos)
        if length < 0:
            raise ValueError("a header without a key")
        key = data[pos : (pos := pos + length)].decode("utf-8")
        length, pos = decode_varint(data, pos)
        headers.append((key, None if length < 0 else data[pos : (pos := pos + length)]))
    return headers, pos


class _Batches:
    """Stands in for kafka-python's `MemoryRecords`: batches of today's format become ours."""

    def __init__(self, records: Any, start: int, end: int, skips: Collection[int]) -> None:
        self._records = records
        self._wanted = start, end, skips

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        if isinstance(batch, DefaultRecordBatch):
            return Batch(batch._buffer, *self._wanted)
        return batch


class _PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """What a fetch brought of a partition; it yields blocks where kafka-python yields records."""

    def __init__(
        self,
        fetch_offset: int,
        tp: object,
        records: object,
        *,
        end: int,
        skips: Collection[int],
        **options: Any,
    ) -> None:
        batches = _Batches(records, fetch_offset, end, skips)
        super().__init__(fetch_offset, tp, batches, **options)


def deliver(consumer: KafkaConsumer, end: int, skips: Collection[int]) -> None:
    """Let a consumer's `poll` return blocks instead of records, up to the offset `end`.

    Batches of the formats before Kafka 0.11 are still returned record by record: see `of_records`.
    """
    consumer._fetcher.PartitionRecords = partial(_PartitionRecords, end=end, skips=skips)


def of_records(
    records: Sequence[ConsumerRecord], end: int, skips: Collection[int]
) -> Iterator[Block]:
    """The blocks that `poll` returned, with records of old formats made blocks too."""
    for record in records:
        if isinstance(record.value, Block):
            yield record.value
        elif record.offset < end and record.offset not in skips:
            block = Block(record.offset, record.timestamp_type)
            block.offsets.append(record.offset)
            block.timestamps.append(record.timestamp)
            block.keys.append(record.key)
            block.values.append(record.value)
            block.header_lists.append(record.headers)
            yield block


def arrow(topic: str, partition: int, blocks: Sequence[Block]) -> pa.RecordBatch:
    """Blocks as one batch of Arrow."""

    def joined(columns: Iterable[Iterable[Any]]) -> list[Any]:
        return list(chain.from_iterable(columns))

    count = sum(map(len, blocks))
    types = joined([TIMESTAMP_TYPES.get(b.timestamp_type)] * len(b) for b in blocks)
    timestamps, out_of_range = _by_range(joined(b.timestamps for b in blocks))
    return pa.RecordBatch.from_arrays(
        [
            _strings(pa.string(), [topic.encode()] * count),
            _integers("partition", array("i", [partition]) * count),
            _integers("offset", array("q", joined(b.offsets for b in blocks))),
            timestamps,
            _strings(pa.string(), types),
            _strings(pa.string(), joined(b.keys for b in blocks)),
            _strings(pa.string(), joined(b.values for b in blocks)),
            _header_lists(joined(b.header_lists for b in blocks)),
            out_of_range,
        ],
        schema=SCHEMA,
    )


# Arrays are made of their buffers, because `pa.array` and `pa.scalar` import pandas, which takes
# every new worker a second.


def _integers(name: str, values: "array[int]", present: pa.Buffer | None = None) -> pa.Array:
    buffers = [present, pa.py_buffer(values)]
    return pa.Array.from_buffers(SCHEMA.field(name).type, len(values), buffers)


def _by_range(milliseconds: list[int]) -> tuple[pa.Array, pa.Array]:
    """The columns `timestamp` and `out_of_range_timestamp`: one of them is null in each row."""
    fits = [MIN_TIMESTAMP <= ms <= MAX_TIMESTAMP for ms in milliseconds]
    moments = (ms * 1000 if fit else 0 for ms, fit in zip(milliseconds, fits, strict=True))
    return (
        _integers("timestamp", array("q", moments), None if all(fits) else _validity(fits)),
        _integers(
            "out_of_range_timestamp", array("q", milliseconds), _validity(not fit for fit in fits)
        ),
    )


def _validity(present: Iterable[bool]) -> pa.Buffer:
    """Arrow's bitmap of the values that are not null."""
    bits = "0" + "".join("01"[one] for one in reversed(list(present)))
    return pa.py_buffer(int(bits, 2).to_bytes(-(-len(bits) // 8), "little"))


def _strings(kind: pa.DataType, values: list[bytes | None]) -> pa.Array:
    """Text or bytes; None is null."""
    present = _validity(value is not None for value in values) if None in values else None
    contents = [value or b"" for value in values]
    buffers = [present, _ends(contents), pa.py_buffer(b"".join(contents))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def _header_lists(lists: list[Headers]) -> pa.Array:
    kind = SCHEMA.field("headers").type
    headers = list(chain.from_iterable(lists))
    columns = [
        _strings(pa.string(), [key.encode() for key, _ in headers]),
        _strings(pa.binary(), [value for _, value in headers]),
    ]
    pairs = pa.Array.from_buffers(kind.value_type, len(headers), [None], children=columns)
    return pa.Array.from_buffers(kind, len(lists), [None, _ends(lists)], children=[pairs])


def _ends(values: Sequence[Sized]) -> pa.Buffer:
    """Where each of some values that follow each other ends, after a zero."""
    return pa.py_buffer(array("i", accumulate(map(len, values), initial=0)))
