"""Convert decoded Kafka record batches to Arrow record batches for Spark."""

from array import array
from collections.abc import Iterable, Sequence, Sized
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa

from ingest.record_batches import Block, Headers

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
# The years 0001 to 9999 in milliseconds: the range of the date types of all common languages.
MIN_TIMESTAMP, MAX_TIMESTAMP = -62_135_596_800_000, 253_402_300_799_999


def record_batch(topic: str, partition: int, blocks: Sequence[Block]) -> pa.RecordBatch:
    """Convert the blocks of one partition to an Arrow record batch of `SCHEMA`."""

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


# Arrays are built from buffers: `pa.array` and `pa.scalar` import pandas, which costs every new
# worker a second.


def _integers(name: str, values: "array[int]", present: pa.Buffer | None = None) -> pa.Array:
    buffers = [present, pa.py_buffer(values)]
    return pa.Array.from_buffers(SCHEMA.field(name).type, len(values), buffers)


def _by_range(milliseconds: list[int]) -> tuple[pa.Array, pa.Array]:
    """Return the columns `timestamp` and `out_of_range_timestamp`; one is null in each row."""
    fits = [MIN_TIMESTAMP <= ms <= MAX_TIMESTAMP for ms in milliseconds]
    microseconds = (ms * 1000 if fit else 0 for ms, fit in zip(milliseconds, fits, strict=True))
    return (
        _integers("timestamp", array("q", microseconds), None if all(fits) else _validity(fits)),
        _integers(
            "out_of_range_timestamp", array("q", milliseconds), _validity(not fit for fit in fits)
        ),
    )


def _validity(present: Iterable[bool]) -> pa.Buffer:
    """Return Arrow's validity bitmap: one bit for each value, set if the value is not null."""
    bits = "0" + "".join("01"[one] for one in reversed(list(present)))
    return pa.py_buffer(int(bits, 2).to_bytes(-(-len(bits) // 8), "little"))


def _strings(kind: pa.DataType, values: list[bytes | None]) -> pa.Array:
    """Return an array of strings or binaries; None becomes null."""
    present = _validity(value is not None for value in values) if None in values else None
    contents = [value or b"" for value in values]
    buffers = [present, _value_offsets(contents), pa.py_buffer(b"".join(contents))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def _header_lists(lists: list[Headers]) -> pa.Array:
    kind = SCHEMA.field("headers").type
    headers = list(chain.from_iterable(lists))
    columns = [
        _strings(pa.string(), [key.encode() for key, _ in headers]),
        _strings(pa.binary(), [value for _, value in headers]),
    ]
    pairs = pa.Array.from_buffers(kind.value_type, len(headers), [None], children=columns)
    return pa.Array.from_buffers(kind, len(lists), [None, _value_offsets(lists)], children=[pairs])


def _value_offsets(values: Sequence[Sized]) -> pa.Buffer:
    """Return Arrow's offsets buffer: 0, then the cumulative lengths of the values."""
    return pa.py_buffer(array("i", accumulate(map(len, values), initial=0)))
