"""The smallest message that the models and plain Python validate differently.

Hypothesis would need a build for each message that it tries; here one query validates hundreds.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from pyspark.sql import SparkSession

from tests.dbt import reading
from tests.end_to_end import mutated_messages
from tests.end_to_end.warehouse import dbt

# When records are taken to be written, in milliseconds: their moments are long before.
WRITTEN = 1_700_000_000_000


def validated_differently(values: list[bytes]) -> list[bytes]:
    """Those that the models' query and plain Python validate differently."""
    validated = zip(values, validated_by_spark(values), strict=True)
    return [v for v, reason in validated if reason != reading.validate(v, WRITTEN)[0]]


def shrunk(
    value: bytes | None, failing: Callable[[list[bytes]], list[bytes]] = validated_differently
) -> bytes | None:
    """A value as small as can be that still fails.

    Args:
        value: one that fails.
        failing: picks those that fail.
    """
    best = value
    while found := failing(sorted(set(pieces(best)), key=len)):
        best = found[0]
    return best


def pieces(value: bytes | None) -> Iterator[bytes]:
    """Smaller values: of JSON, without a part or with a simpler one; else without some bytes."""
    try:
        message = json.loads(value or b"")
    except (ValueError, RecursionError):
        text = value or b""
        for size in (len(text) // 2, len(text) // 8, 1):
            for start in range(0, len(text), size) if size and len(text) < 400 * size else ():
                yield text[:start] + text[start + size :]
        return
    for path in mutated_messages.paths(message) if isinstance(message, dict | list) else ():
        for simple in ("gone", "0", '"a"', "[]", "{}"):
            smaller = json.loads(value or b"")
            parent = mutated_messages.at(smaller, path[:-1])
            if simple == "gone":
                del parent[path[-1]]
            else:
                parent[path[-1]] = json.loads(simple)
            text = json.dumps(smaller).encode()
            if len(text) < len(value or b""):
                yield text


def validated_by_spark(values: list[bytes]) -> list[str | None]:
    """The reasons that the model's query gives."""
    dbt("compile", "--full-refresh", "--select", "base_assess__messages")
    folder = Path(os.environ["DBT_TARGET_PATH"])
    [file] = folder.glob("compiled/assay/models/staging/base_assess__messages.sql")
    sql = file.read_text().replace(
        "staging.base_assess__records",
        "(select *, 't' as topic, 't' as topic_id, 0 as partition, 1L as batch_id, "
        f"offset as message_id, timestamp_millis({WRITTEN}) as message_at, "
        "now() as ingested_at, 0 as value_bytes, 0L as value_hash from records_to_validate)",
    )
    spark = SparkSession.builder.remote(os.environ["ASSAY_SPARK"]).create()
    try:
        records = spark.createDataFrame(list(enumerate(values)), "offset long, value binary")
        records.createOrReplaceTempView("records_to_validate")
        found = spark.sql(f"select reason from ({sql}) order by offset").collect()
    finally:
        spark.stop()  # one that is left open asks a stopped server for ten minutes when Python ends
    return [row.reason for row in found]
