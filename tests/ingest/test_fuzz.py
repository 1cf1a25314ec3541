"""No input ends a command with a traceback or an unexpected error.

Commands run in this process, where a thousand take seconds; some run as a user runs them. Nothing
listens at their addresses, so that a command with valid input ends with exit code 11 or 13.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from ingest import cli, topic
from ingest.settings import Settings
from sample import cli as sample_cli
from sample import publish as publishing
from stack.settings import ROOT

SEED = int(os.environ.get("FUZZ_SEED", "20180128"))
EXAMPLES = settings(
    max_examples=150,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
# Usage, and every code of the table in docs/operations.md that needs no services.
EXPECTED = {0, 1, 2, 10, 11, 12, 13, 21, 24, 26}
# Commands with options that take a value.
COMMANDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("topic", "create"): ("--topic", "--partitions", "--replication"),
    ("topic", "describe"): ("--topic",),
    ("peek",): ("--topic", "--limit"),
    ("run",): ("--topic", "--max-messages", "--max-bytes", "--until", "--batch-interval"),
    ("plan",): ("--topic",),
    ("status",): ("--topic",),
    ("replay",): ("--topic", "--from", "--to"),
    ("accept", "topic-recreated"): ("--topic",),
    ("accept", "data-loss"): ("--topic", "--partition"),
    ("accept", "skip-records"): ("--topic",),
    ("maintain",): ("--topic", "--keep-hours"),
    ("publish",): ("--topic", "--key-field"),
    ("generate", "-n", "1"): ("--seed", "--output"),
}
OF_SAMPLE = ("publish", "generate")
ODD = [
    *("", " ", "-", "--", "-1", "0", "1", "1.5", "nan", "inf", "-inf", "1e400", "9" * 30),
    *("9" * 5000, str(2**63), "é", "日本", "\udcff", "a\nb", "\t", "'; drop table x", "`x`", "[x]"),
    *("0:0", "0:-1", "0:" + "9" * 19, "0:1,0:2", "99:1", "٣:٣", "1:2:3", ":", "x" * 300, "../.."),
    *("0001-01-01T00:00Z", "9999-12-31T23:59:59.999999-14:00", "0000-00-00", "2018-01-28"),
    *("0001-01-01T00:00+14:00", "tomorrow", "/", "/dev/null", "/nonexistent/x", "assess", "."),
]
VALUES = st.sampled_from(ODD) | st.text(
    st.characters(blacklist_characters="\0", blacklist_categories=()), max_size=30
)
VARIABLES = [f"ASSAY_{name}".upper() for name in Settings.model_fields] + ["ASSAY_CONFIG"]
ADDRESSES = st.sampled_from(
    [
        *(
            "",
            "127.0.0.1",
            "127.0.0.1:0",
            "127.0.0.1:99999",
            "127.0.0.1:abc",
            "a b:9092",
            ",",
            ":1",
        ),
        *("[::1]:1", "[::1", "x" * 64 + ".com:1", "a..b:1", "http://127.0.0.1:1", "127.0.0.1:-1"),
        *("sc://127.0.0.1:1", "sc://127.0.0.1:0", "sc://127.0.0.1:99999", "sc://x:abc", "sc://"),
        *("sc://[::1", "sc://a..b:1", "sc://127.0.0.1:1/;token=x", "sc://" + "x" * 64 + ".com"),
    ]
)
TOML = st.sampled_from(
    [
        *(b"\xff\xfe\x00", b"\x00", b"topics = 3", b"[topics]\na = 3", b"kafka = 3", b"kafka = []"),
        *(b"[topics.a]\ntable = 3", b"[topics.a]\nmax_messages = nan", b"topic = ''", b"[kafka]"),
        *(b"max_bytes = 1e400", b"stall_seconds = nan", b"stall_seconds = inf", b"spark = {}"),
        *(b"max_messages = " + b"9" * 5000, b"a = " + b"[" * 5000, b"[[topics]]", b"\xef\xbb\xbf"),
        *(b"kafka_sasl = 'x'", b"table = '\xc3\xa9.x'", b"table = 'a.b.c'", b"metrics_file = 3"),
        *(b"[topics.'a b']", b"[topics.'']", b"topic = '\\u0000'", b"kafka_security = 'SSL'\n"),
    ]
) | st.binary(max_size=40)


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Addresses where nothing listens, short timeouts, and a temporary current folder."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASSAY_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("ASSAY_SPARK", "sc://127.0.0.1:1")
    monkeypatch.setattr(topic, "TIMEOUT_MS", 50)
    monkeypatch.setattr(publishing, "TIMEOUT_MS", 50)
    monkeypatch.chdir(tmp_path)
    print(f"FUZZ_SEED={SEED}")
    yield


def exit_code(arguments: list[str], environment: dict[str, str] | None = None) -> int:
    """Run a command and return its exit code; a failure must be an error with a remedy."""
    app = sample_cli.app if arguments[0] in OF_SAMPLE else cli.app
    result = CliRunner().invoke(app, arguments, env=environment)
    said = f"{arguments!r} {environment!r}: {result.output}"
    assert result.exception is None or isinstance(result.exception, SystemExit), said
    assert result.exit_code in EXPECTED, f"exit code {result.exit_code}: {said}"
    assert "Traceback" not in result.output, said
    if result.exit_code not in (0, 2):
        assert "error:" in result.output and "remedy:" in result.output, said
    return result.exit_code


@seed(SEED)
@EXAMPLES
@given(st.sampled_from(sorted(COMMANDS)), st.data())
def test_any_arguments_end_without_traceback(command: tuple[str, ...], data: st.DataObject) -> None:
    arguments = list(command)
    if command in (("publish",), ("accept", "skip-records")):
        arguments.append(data.draw(VALUES))
    for option in data.draw(st.lists(st.sampled_from(COMMANDS[command]), max_size=3, unique=True)):
        arguments += [option, data.draw(VALUES)]
    exit_code(arguments)


@seed(SEED)
@EXAMPLES
@given(st.dictionaries(st.sampled_from(VARIABLES), VALUES | ADDRESSES, min_size=1, max_size=3))
def test_any_settings_end_without_traceback(environment: dict[str, str]) -> None:
    try:
        for value in environment.values():
            os.fsencode(value)
    except UnicodeEncodeError:  # no environment can hold it
        environment = {"ASSAY_TOPIC": "\udcff"}
    exit_code(["status"], {"ASSAY_KAFKA": "127.0.0.1:1", **environment})


@seed(SEED)
@EXAMPLES
@given(TOML)
def test_any_configuration_file_ends_without_traceback(content: bytes) -> None:
    Path("ingest.toml").write_bytes(content)
    exit_code(["status", "--all"])
    exit_code(["plan"])


@seed(SEED)
@EXAMPLES
@given(st.sampled_from(["kafka", "spark"]), ADDRESSES)
def test_any_address_ends_without_traceback(which: str, address: str) -> None:
    from ingest import spark

    variable = f"ASSAY_{which}".upper()
    if which == "kafka":
        assert exit_code(["topic", "describe"], {variable: address}) == 11
        return
    with pytest.raises(Exception) as error:
        spark._probe(Settings(spark=address))
    assert getattr(error.value, "exit_code", None) == 13, error.value


@pytest.mark.parametrize("kind", ["missing", "folder", "binary", "nonsense", "unreadable", "long"])
@pytest.mark.parametrize(
    "variable", [v for v in VARIABLES if v.endswith("_FILE") and "METRICS" not in v]
)
def test_any_file_of_secrets_ends_without_traceback(variable: str, kind: str) -> None:
    path = Path("x" * 5000 if kind == "long" else kind)
    if kind == "folder":
        path.mkdir()
    elif kind in ("binary", "nonsense"):
        path.write_bytes(b"\xff\x00" if kind == "binary" else "nonsense é".encode())
    elif kind == "unreadable":
        path = Path("/proc/self/mem")  # not even root can read its beginning
    needed = {
        "ASSAY_KAFKA_SECURITY": "SASL_SSL",
        "ASSAY_KAFKA_SASL": "OAUTHBEARER" if "OAUTH" in variable else "PLAIN",
        "ASSAY_KAFKA_USERNAME": "u",
    }
    if variable != "ASSAY_KAFKA_PASSWORD_FILE":
        needed["ASSAY_KAFKA_PASSWORD"] = "p"
    if variable != "ASSAY_KAFKA_OAUTH_TOKEN_FILE":
        needed["ASSAY_KAFKA_OAUTH_TOKEN"] = "t"
    command = ["restore"] if variable.startswith("ASSAY_SPARK") else ["topic", "describe"]
    code = exit_code(command, {**needed, variable: str(path)})
    assert code in ((1, 11, 13, 21) if kind == "nonsense" else (1,))


CASES = [
    (["run", "--topic", "\udcff"], {}, 12),
    (["replay", "--from", "0:5", "--to", "0:1"], {}, 1),
    (["generate", "-n", "1", "-o", ""], {}, 10),
    (["status"], {"ASSAY_SPARK": "sc://x:abc"}, 13),
    (["peek"], {"ASSAY_KAFKA": "127.0.0.1:99999"}, 11),
    (["run", "--batch-interval", "nan"], {}, 2),
    (["bogus"], {}, 2),
]


@pytest.mark.parametrize(("arguments", "environment", "code"), CASES)
def test_commands_as_a_user_runs_them(
    arguments: list[str], environment: dict[str, str], code: int
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "sample" if arguments[0] in OF_SAMPLE else "ingest", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == code, result.stderr
    assert b"Traceback" not in result.stderr
