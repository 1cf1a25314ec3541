"""Reading files of messages: every form, byte for byte; errors name the place."""

import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import BadFile
from sample import files, json_text

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
    """Make every element cross the border of a chunk."""
    monkeypatch.setattr(files, "CHUNK_BYTES", 7)


@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
def test_array_elements_are_read_verbatim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", chunk)
    elements = [b'{"a" :  1}', b'"\\u00e9"', '"é😀"'.encode(), b"[1, [2]]", b"12", b"1.50", b"null"]
    path = tmp_path / "array.json"
    path.write_bytes(b" \n[ " + b" ,\n".join(elements) + b"\t]\n ")
    assert values(path) == elements


@given(st.lists(JSON, min_size=1), st.integers(1, 20))
def test_any_array_is_read_verbatim(elements: list[object], chunk: int) -> None:
    text = json.dumps(elements, ensure_ascii=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CHUNK_BYTES", chunk)
        found = list(files._Text(io.BytesIO(text.encode()), "x").messages())
    assert [value.decode() for value, _ in found] == [
        json.dumps(e, ensure_ascii=False) for e in elements
    ]


def test_lines_are_read_verbatim(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a" : 1}\r\n\n  {"b":2}\n{"c":3}')
    assert values(path) == [b'{"a" : 1}', b'{"b":2}', b'{"c":3}']


@given(st.lists(JSON, min_size=1), st.integers(1, 20), st.sampled_from(["\n", "\r\n", "\n\n "]))
def test_any_values_one_after_another_are_read_verbatim(
    elements: list[object], chunk: int, between: str
) -> None:
    """JSON lines, and what `jq '.[]'` prints: objects over several lines."""
    texts = [json.dumps(e, indent=2, ensure_ascii=False) for e in ({"a": 1}, *elements)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CHUNK_BYTES", chunk)
        found = list(files._Text(io.BytesIO(between.join(texts).encode()), "x").messages())
    assert [value.decode() for value, _ in found] == texts


@given(
    st.binary(max_size=200)
    | st.lists(
        st.sampled_from(
            [b"[", b"]", b"{", b"}", b",", b":", b'"a"', b"1", b"-", b"\n", b" ", b"\0", b"\\u",
             b"null", b"NaN", b'"\\ud800"', b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b"]
        )
    ).map(b"".join),
    st.integers(1, 9),
    st.booleans(),
)  # fmt: skip
def test_any_bytes_are_messages_or_a_bad_file(content: bytes, chunk: int, zipped: bool) -> None:
    data = gzip.compress(content) if zipped else content
    with pytest.MonkeyPatch.context() as patch, tempfile.NamedTemporaryFile() as file:
        patch.setattr(files, "CHUNK_BYTES", chunk)
        Path(file.name).write_bytes(data)
        try:
            found = values(Path(file.name))
        except BadFile as error:
            assert error.remedy
        else:
            assert found and all(value in content for value in found)


DEEP = b"[" * 100_000 + b"]" * 100_000
VALID = [
    b'{"keen_id": "k", "deep": ' + DEEP + b', "after": null}',
    b'{"a":' * 1500 + b"1" + b"}" * 1500,
    b'{"keen_id": ' + b"9" * 5000 + b"}",
    b"-" + b"1" * 5000 + b".5e+10",
    b'{"keen_id": "\\ud800 \\udfff"}',
    b'{"a": "\\u0000", "a": 2}',
    b"1e999",
]


@pytest.mark.parametrize("chunk", [7, 1 << 20])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_all_json_is_read_verbatim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, zipped: bool, mark: bytes
) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", chunk)
    path = tmp_path / "valid.json"
    for content in (b"[" + b",".join(VALID) + b"]", b"\n".join(VALID), b"\r\n".join(VALID)):
        path.write_bytes(gzip.compress(mark + content) if zipped else mark + content)
        assert values(path) == VALID
    keys = [p.get("keen_id") for _, p in files.messages(str(path)) if isinstance(p, dict)]
    assert keys == ["k", None, "9" * 5000, "\ud800 \udfff", None]


@given(JSON, st.data())
def test_the_decoder_without_limits_agrees_with_pythons(value: object, data: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    _, end = json_text._decode_deep(f"  {text}", 0)
    assert end == len(text) + 2
    # Damaged somewhere: both refuse it, or both take the same part of it.
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.sampled_from(list('{}[],:"\\e-.0x \x01'))) + text[at + 1 :]
    assert end_of(json_text._decode_deep, damaged) == end_of(json_text.decode, damaged)


def end_of(decode: Callable[[str, int], tuple[object, int]], text: str) -> int | None:
    try:
        return decode(text, len(text) - len(text.lstrip(" ")))[1]
    except json.JSONDecodeError:
        return None


def test_gzip_is_recognised_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "lines.without-gz-extension"
    path.write_bytes(gzip.compress(b'{"a":1}\n{"b":2}\n'))
    assert values(path) == [b'{"a":1}', b'{"b":2}']


@pytest.mark.parametrize("content", [b'[{"a":1}, {"b":2}]', b'{"a":1}\n{"b":2}\n'])
@pytest.mark.parametrize("zipped", [True, False])
def test_standard_input_is_read(content: bytes, zipped: bool) -> None:
    code = "from sample import files; print([v for v, _ in files.messages('-')])"
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
        (b'{"a":1}\n{"b":\n', "(Expecting value) in the value that begins in line 2"),
        (b"[1, 2", "line 1, column 6: expected a comma or ], found the end"),
        (b"[1 2]", "line 1, column 4: expected a comma or ], found 2"),
        (b"[1,\n\n {]", "line 3, column 3: not JSON"),
        (b"[1, ]", "line 1, column 5: not JSON"),
        (b"[1, NaN]", "line 1, column 5: not JSON (NaN is not"),
        (b"01\n", "line 1, column 2: expected white space, found 1"),
        (b'{"a":1},\n{"b":2}', "line 1, column 8: expected white space, found ,"),
        (b'{"a":1}\n{"a": "\x00"}', "line 2, column 8: not JSON"),
        (b'{"a":1}\n\x00\n', "line 2, column 1: not JSON"),
        (b"\x00\x00\x00\x00", "line 1, column 1: not JSON"),
        ('{"a": 1}'.encode("utf-16"), "line 1: the text is UTF-16"),
        ('{"a": 1}'.encode("utf-16-le"), "line 1: the text is UTF-16LE"),
        ('{"a": 1}'.encode("utf-32-be"), "line 1: the text is UTF-32BE"),
        (b"\xef\xbb\xbf", "holds no messages"),
        (gzip.compress(b"", mtime=0), "holds no messages"),
        (b"[" * 100_000, "line 1, column 100001: not JSON"),
        (b"{}\n" + b'{"a":' * 1500 + b"}" * 1500, "line 2, column 7501: not JSON"),
        (b'{"a": Infinity}\n', "line 1, column 1: not JSON (Infinity"),
        (b"[1x]", "line 1, column 3: expected a comma or ], found x"),
        (b"[1] 2", "line 1, column 5: something follows"),
        (b'["\xff"]', "line 1, column 3: not UTF-8"),
        (b'{"a": 1}\n{"a": "\xff"}\n', "line 2, column 8: not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}\n', "line 1, column 8: not UTF-8"),
        (gzip.compress(b"[1, 2]", mtime=0)[:-9], "damaged gzip"),
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
    with pytest.raises(BadFile, match="null byte"):
        values(tmp_path / "a\0b")


def test_a_pipe_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b'[{"a":1}, 2]',))
    writer.start()
    assert values(tmp_path / "pipe") == [b'{"a":1}', b"2"]
    writer.join()


def test_an_endless_element_is_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_MESSAGE_BYTES", 100)
    monkeypatch.setattr(files, "CHUNK_BYTES", 64)
    path = tmp_path / "endless.json"
    path.write_bytes(b'["' + b"x" * 10_000)
    with pytest.raises(BadFile, match="longer than 16 MiB"):
        values(path)


def test_the_real_export_is_read_verbatim(real_export: Path) -> None:
    found = values(real_export)
    assert len(found) == 3280
    assert b"[" + b", ".join(found) + b"]" == gzip.decompress(real_export.read_bytes()).strip()
