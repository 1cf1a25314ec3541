"""Files of messages: every form, byte for byte, and an error that names the place."""

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import files
from ingest.errors import BadFile

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def values(path: Path) -> list[bytes]:
    return [value for value, _ in files.messages(str(path))]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every element cross a chunk's border."""
    monkeypatch.setattr(files, "CHUNK_BYTES", 7)


@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
def test_array_elements_keep_their_very_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", chunk)
    elements = [b'{"a" :  1}', b'"\\u00e9"', '"é😀"'.encode(), b"[1, [2]]", b"12", b"1.50", b"null"]
    path = tmp_path / "array.json"
    path.write_bytes(b" \n[ " + b" ,\n".join(elements) + b"\t]\n ")
    assert values(path) == elements


@given(st.lists(JSON, min_size=1), st.integers(1, 20))
def test_any_array_comes_back(elements: list[object], chunk: int) -> None:
    text = json.dumps(elements, ensure_ascii=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CHUNK_BYTES", chunk)
        found = list(files._messages(io.BufferedReader(io.BytesIO(text.encode())), "x"))
    assert [value.decode() for value, _ in found] == [
        json.dumps(e, ensure_ascii=False) for e in elements
    ]


def test_lines_keep_their_very_bytes(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a" : 1}\r\n\n  {"b":2}\n{"c":3}')
    assert values(path) == [b'{"a" : 1}', b'{"b":2}', b'{"c":3}']


def test_gzip_is_recognised_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "lines.without-a-telling-name"
    path.write_bytes(gzip.compress(b'{"a":1}\n{"b":2}\n'))
    assert values(path) == [b'{"a":1}', b'{"b":2}']


@pytest.mark.parametrize("content", [b'[{"a":1}, {"b":2}]', b'{"a":1}\n{"b":2}\n'])
@pytest.mark.parametrize("zipped", [True, False])
def test_standard_input_is_read(content: bytes, zipped: bool) -> None:
    code = "from ingest import files; print([v for v, _ in files.messages('-')])"
    result = subprocess.run(
        [sys.executable, "-c", code],
        input=gzip.compress(content) if zipped else content,
        capture_output=True,
        check=True,
    )
    assert result.stdout.decode().strip() == str([b'{"a":1}', b'{"b":2}'])


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "holds no messages"),
        (b" \n \n", "holds no messages"),
        (b"[]", "holds no messages"),
        (b'{"a":1}\n{"b":\n', "line 2, column"),
        (b"[1, 2", "character 5: expected a comma or ], found the end"),
        (b"[1 2]", "character 3: expected a comma or ], found 2"),
        (b"[1, {]", "character 4: not JSON"),
        (b"[1, ]", "character 4: not JSON"),
        (b"[1, NaN]", "character 4: not JSON (NaN is not"),
        (b'{"a": Infinity}\n', "line 1, column 1: not JSON (Infinity"),
        (b"[1x]", "character 2: expected a comma or ], found x"),
        (b"[1] 2", "character 4: something follows"),
        (b'["\xff"]', "not UTF-8"),
        (b'{"a": "\xff"}\n', "not UTF-8"),
        (gzip.compress(b"[1, 2]")[:-9], "damaged gzip"),
        (b"\x1f\x8bnonsense", "damaged gzip"),
    ],
)
def test_a_bad_file_is_named_with_the_place(
    tmp_path: Path, small_chunks: None, content: bytes, place: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(BadFile) as error:
        values(path)
    assert str(path) in error.value.problem
    assert place in error.value.problem
    assert error.value.remedy


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"cannot read .*none\.json"):
        values(tmp_path / "none.json")
    with pytest.raises(BadFile, match="directory"):
        values(tmp_path)


def test_an_element_that_never_ends_is_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_MESSAGE_BYTES", 100)
    monkeypatch.setattr(files, "CHUNK_BYTES", 64)
    path = tmp_path / "endless.json"
    path.write_bytes(b'["' + b"x" * 10_000)
    with pytest.raises(BadFile, match="longer than 16 MiB"):
        values(path)


def test_the_real_export_is_cut_into_its_very_bytes(real_export: Path) -> None:
    found = values(real_export)
    assert len(found) == 3280
    assert b"[" + b", ".join(found) + b"]" == gzip.decompress(real_export.read_bytes()).strip()
