"""Decode Kafka's record batches into columns, without an object for each record.

kafka-python creates two objects for every record, which costs more than all else that a worker
does. Here a batch becomes one `Block`. kafka-python still decides which batches are read and where
reading continues: transactions, control records, compaction, positions (see `deliver`).
"""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

from isal import igzip, isal_zlib
from kafka import KafkaConsumer, codec
from kafka.consumer.fetcher import ConsumerRecord, Fetcher
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint

Headers = Sequence[tuple[str, bytes | None]]

NO_HEADERS: Headers = ()
GZIP = 16 + isal_zlib.MAX_WBITS
# By codec id. The values are names, not functions of the libraries: a worker without one of the
# libraries could not unpickle a reader that refers to its function.
CODECS = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}


class CorruptBatch(Exception):
    """A record, or a whole batch, cannot be decoded.

    Attributes:
        offset: offset of the record; if the record is unknown, the first offset of the batch.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class MissingCodec(Exception):
    """A batch is compressed by a codec whose library is not installed; the argument names it."""


class Block:
    """Records as columns.

    The block of a batch passes through kafka-python as if it were one record whose value is the
    block.

    Attributes:
        offset: the last offset of the batch, so that kafka-python continues after it.
        timestamps: in milliseconds.
        size_in_bytes: of its records, decompressed.
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
        self.size_in_bytes = 0

    @property
    def value(self) -> "Block":
        """The block itself."""
        return self

    def __len__(self) -> int:
        """Number of records."""
        return len(self.offsets)

    def validate_crc(self) -> bool:
        """Return True: the checksum of the batch is verified already."""
        return True


class Batch(DefaultRecordBatch):  # type: ignore[misc]
    """A record batch that yields one block instead of records.

    Args:
        buffer: the batch's bytes.
        start: records before this offset are skipped.
        end: records at or after this offset are skipped.
        skips: offsets of records to skip, decodable or not. The first offset of a corrupt batch
            skips the whole batch.

    Raises:
        CorruptBatch: the checksum is wrong.
    """

    def __init__(self, buffer: bytes, start: int, end: int, skips: Collection[int]) -> None:
        super().__init__(buffer)
        self.start, self.end, self.skips = start, end, skips
        self.is_skipped = False
        if not super().validate_crc():
            self._skip_or_raise()

    def _skip_or_raise(self, cause: Exception | None = None) -> None:
        if self.base_offset not in self.skips:
            raise CorruptBatch(self.base_offset) from cause
        self.is_skipped = True

    def validate_crc(self) -> bool:
        """Return True: the constructor verifies the checksum."""
        return True

    @property
    def is_control_batch(self) -> bool:
        """Whether it holds a control record; False if it is skipped: its header may be corrupt."""
        return bool(super().is_control_batch) and not self.is_skipped

    def has_producer_id(self) -> bool:
        """Whether it may belong to a transaction; False if it is skipped."""
        return bool(super().has_producer_id()) and not self.is_skipped

    def __iter__(self) -> Iterator[Block]:
        """Yield one block; it is empty if the batch is skipped.

        Raises:
            CorruptBatch: the batch, or a record of it, cannot be decoded.
            MissingCodec: the library of its codec is not installed.
        """
        block = Block(self.last_offset, self.timestamp_type)
        if not self.is_skipped:
            try:
                self._decode(self._uncompressed(), block)
            except (CorruptBatch, MissingCodec):
                raise
            except Exception as error:  # each codec's library has errors of its own
                self._skip_or_raise(error)
                block = Block(self.last_offset, self.timestamp_type)
        yield block

    def _uncompressed(self) -> bytes:
        data = bytes(memoryview(self._buffer)[self.HEADER_STRUCT.size :])
        if self.compression_type == self.CODEC_NONE:
            return data
        name = CODECS[self.compression_type]
        if name == "gzip":
            return _gunzip(data)
        if not getattr(codec, f"has_{name}")():
            raise MissingCodec(name)
        return bytes(getattr(codec, f"{name}_decode")(data))

    def _decode(self, data: bytes, block: Block) -> None:
        """Append the wanted records to the block.

        Raises:
            CorruptBatch: a record whose offset is known is corrupt.
            ValueError: the batch is corrupt.
            IndexError: the batch is corrupt.
        """
        # A worker spends most of its time in this loop, so it avoids function calls.
        is_append_time = self.timestamp_type == self.LOG_APPEND_TIME
        base_offset, first_timestamp = self.base_offset, self.first_timestamp
        first, last, skips, size = self.start, self.end, self.skips, len(data)
        block.size_in_bytes = size
        end = 0
        for _ in range(self.records_count):
            length, pos = decode_varint(data, end)
            end = pos + length
            timestamp_delta, pos = decode_varint(data, pos + 1)  # after a byte of unused attributes
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
                    raise ValueError(f"a record is {pos - end} bytes longer than its length says")
            except (ValueError, IndexError) as error:
                raise CorruptBatch(offset) from error
            block.offsets.append(offset)
            block.timestamps.append(
                self.max_timestamp if is_append_time else _int64(first_timestamp + timestamp_delta)
            )
            block.keys.append(key)
            block.values.append(value)
            block.header_lists.append(headers)
        if end != size:
            raise ValueError(f"{size - end} bytes follow the last record")


def _gunzip(data: bytes) -> bytes:
    """Decompress gzip, in a third of the time that Python's gzip takes."""
    decompressor = isal_zlib.decompressobj(GZIP)
    found = decompressor.decompress(data)
    if decompressor.eof and not decompressor.unused_data:
        return bytes(found)
    return bytes(igzip.decompress(data))  # type: ignore[no-untyped-call]


def _int64(number: int) -> int:
    """Wrap a sum to a signed 64-bit integer, as other Kafka clients do."""
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
    """Replaces kafka-python's `MemoryRecords`; batches of the current format become `Batch`."""

    def __init__(self, records: Any, start: int, end: int, skips: Collection[int]) -> None:
        self._records = records
        self._wanted = start, end, skips

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        if isinstance(batch, DefaultRecordBatch):
            return Batch(batch._buffer, *self._wanted)
        return batch


class _PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """The fetched records of a partition; it yields blocks instead of records."""

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
    """Make a consumer's `poll` return blocks instead of records, up to the offset `end`.

    Batches of the formats before Kafka 0.11 are still returned record by record: see `of_records`.
    """
    consumer._fetcher.PartitionRecords = partial(_PartitionRecords, end=end, skips=skips)


def of_records(
    records: Sequence[ConsumerRecord], end: int, skips: Collection[int]
) -> Iterator[Block]:
    """Yield the blocks that `poll` returned; a record of an old format becomes a block."""
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
            block.size_in_bytes = len(record.key or b"") + len(record.value or b"")
            yield block
