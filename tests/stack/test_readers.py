"""Readers read, and nothing else; and what is not enforced, as SECURITY.md says."""

import getpass
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from pyhive import hive
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from thrift.Thrift import TException, TType
from thrift.transport.TTransport import TTransportException

from dashboard.errors import ServerDown
from dashboard.sessions import Sessions
from dashboard.settings import Settings as DashboardSettings
from stack import jars, java, processes, reader_access, services, thrift_client
from stack.services.reader import HDFS_USER, Reader
from stack.services.service import local_http
from stack.services.standalone import authentication
from stack.settings import HOST, ROOT, Settings
from stack.thrift_client import Server
from tests.commands import run_module
from tests.conftest import STATE, own_stack
from tests.end_to_end.conftest import query
from tests.stack.reader_actions import Unchecked, ask, fingerprint, hdfs, metastore, refusal
from tests.stack.reader_statements import (
    ALLOWED,
    CHANGES,
    CODE_AND_SETTINGS,
    NAMES,
    REFUSED_BY_SPARK,
    SESSIONS,
    UNSUPPORTED,
)

pytestmark = [pytest.mark.cluster, pytest.mark.services, pytest.mark.long]

QUERY_SECONDS = 20
REFUSED = "Readers may only read"
# HDFS and the metastore say the one; Spark and Iceberg say the other, when those do not let them.
DENIED = "Permission denied|Failed to (create|drop|rename)"
TABLES = (
    "create schema core",
    "create schema questions",
    "create schema spare",
    "create table core.attempts (attempt_id string, exam_name string, score decimal(3, 2)) "
    "using iceberg partitioned by (exam_name)",
    "create table core.empty (attempt_id string, exam_name string, score decimal(3, 2)) "
    "using iceberg",
    "insert into core.attempts values ('a', 'Git', 0.9)",
    "alter table core.attempts create branch side",
    "insert into core.attempts values ('b', 'Git', 0.4)",
    "insert into core.attempts values ('c', 'Spark', 0.7)",
    "alter table core.attempts set tblproperties ('note' = 'of the owner')",
    "create view questions.answers as "
    "select exam_name, count(*) as attempts from core.attempts group by exam_name",
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    token = tmp_path_factory.mktemp("connect") / "token"
    token.write_text("a-token-of-this-test\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_READER_QUERY_SECONDS", str(QUERY_SECONDS))
        patch.setenv("ASSAY_SPARK_TOKEN_FILE", str(token))
        with own_stack(STATE.with_name(f"{STATE.name}-readers"), cluster=True) as settings:
            for statement in TABLES:
                query(statement)
            yield settings


@pytest.fixture(scope="module")
def server(cluster: Settings) -> Server:
    return thrift_client.server_for_readers(cluster)


@pytest.fixture(scope="module")
def unchecked(cluster: Settings) -> Iterator[Server]:
    update = {"reader_port": cluster.reader_port + 2, "reader_ui_port": cluster.reader_ui_port + 5}
    settings = cluster.model_copy(update=update)
    service = Unchecked(settings)
    service.prepare({})
    environment = {**services.environment(settings), **service.variables}
    log = settings.log(service.name)
    process = processes.start(settings.state, service.name, service.command(), environment, log)
    try:
        for _ in range(240):
            if service.is_ready():
                break
            assert processes.is_alive(process), log.read_text()[-5000:]
            with pytest.raises(psutil.TimeoutExpired):
                process.wait(0.5)
        yield thrift_client.server_for_readers(settings)
    finally:
        processes.stop([process], 10)


@pytest.fixture(scope="module")
def values(cluster: Settings) -> dict[str, str]:
    """What stands in braces in the statements."""
    [[snapshot], *_] = query(
        "select snapshot_id from core.attempts.history order by made_current_at"
    )
    [[metadata], *_] = query("select file from core.attempts.metadata_log_entries")
    return {
        "first_snapshot": str(snapshot),
        "metadata_file": metadata,
        "certificate": str(cluster.reader_access / "certificate.pem"),
        "jar": str(jars.classpath(cluster.cache, "spark")[-1]),
        "state": str(cluster.state),
        "temporary": f"/tmp/assay-{os.getpid()}",
    }


def test_readers_read(server: Server, values: dict[str, str]) -> None:
    assert len(ALLOWED) >= 20
    refused = {sql: said for sql in ALLOWED if (said := refusal(server, sql.format(**values)))}
    assert not refused
    assert ask(server, "select * from questions.answers order by 1") == [("Git", 2), ("Spark", 1)]


def test_the_server_refuses_everything_else(
    cluster: Settings, server: Server, values: dict[str, str]
) -> None:
    statements = [sql.format(**values) for sql in (*CHANGES, *NAMES, *CODE_AND_SETTINGS)]
    assert len(statements) >= 40
    before = fingerprint(cluster)
    said = {sql: refusal(server, sql) for sql in statements}
    assert not [sql for sql in statements if not said[sql]]
    assert fingerprint(cluster) == before
    others = {sql: text[:300] for sql, text in said.items() if REFUSED not in text}
    assert set(others) <= {sql.format(**values) for sql in REFUSED_BY_SPARK}, others


def test_hdfs_and_the_metastore_refuse_changes(
    cluster: Settings, unchecked: Server, values: dict[str, str]
) -> None:
    """A reader who gets past the server's rules is still a user who may not write."""
    before = fingerprint(cluster)
    said = {sql: refusal(unchecked, sql.format(**values)) for sql in CHANGES}
    assert fingerprint(cluster) == before
    assert not [sql for sql, text in said.items() if not text]
    others = {sql: text[:300] for sql, text in said.items() if not re.search(DENIED, text)}
    assert set(others) == set(UNSUPPORTED), others


def test_only_the_check_refuses_code(
    cluster: Settings, unchecked: Server, values: dict[str, str]
) -> None:
    """Without them, a reader runs code on the host of the server, as its user."""
    before = fingerprint(cluster)
    shown = ask(unchecked, "select reflect('java.lang.System', 'getenv', 'HADOOP_USER_NAME')")
    assert shown == [(HDFS_USER,)]
    [[user]] = ask(unchecked, "select transform('') using 'id -un' as (a)")
    assert user == getpass.getuser()
    done = [sql for sql in CODE_AND_SETTINGS if not refusal(unchecked, sql.format(**values))]
    assert len(done) > len(CODE_AND_SETTINGS) - 4, set(CODE_AND_SETTINGS) - set(done)
    assert fingerprint(cluster) == before


def test_only_the_check_refuses_names(unchecked: Server, values: dict[str, str]) -> None:
    for statement in NAMES:
        assert not refusal(unchecked, statement.format(**values))
    for statement in ("drop function core.mine", "drop schema mine", "drop schema spare"):
        query(statement)
    query("create schema spare")


@pytest.mark.parametrize("configuration", SESSIONS, ids=str)
def test_a_session_sets_nothing(server: Server, configuration: dict[str, str]) -> None:
    with pytest.raises(hive.Error):
        ask(server, "select 1", configuration=configuration)
    assert ask(server, "select 1") == [(1,)]


def test_variables_do_not_show_the_environment(cluster: Settings, server: Server) -> None:
    variable = "${env:ASSAY_KEYSTORE_PASSWORD}"
    secret = Reader(cluster).variables["ASSAY_KEYSTORE_PASSWORD"]
    assert ask(server, f"select '{variable}'") == [(variable,)]
    for configuration in (
        {"set:hivevar:spark.sql.variable.substitute": "true", "use:database": variable},
        {
            "set:hiveconf:hive.variable.substitute": "true",
            "set:hiveconf:spark.sql.shuffle.partitions": variable,
        },
        {"set:hiveconf:spark.sql.session.timeZone": variable},
    ):
        with pytest.raises(hive.Error) as refused:
            ask(server, f"selec '{variable}'", configuration=configuration)
        assert secret not in str(refused.value)


def test_beeline_asks_over_tls(cluster: Settings, server: Server, tmp_path: Path) -> None:
    trusted = tmp_path / "trusted.p12"
    keytool = Path(java.executable()).with_name("keytool")
    certificate = cluster.reader_access / "certificate.pem"
    subprocess.run(
        [
            *(keytool, "-importcert", "-noprompt", "-alias", "readers", "-file", certificate),
            *("-keystore", trusted, "-storepass", "changeit"),
        ],
        capture_output=True,
        check=True,
    )
    address = f"jdbc:hive2://{server.host}:{server.port}/core;ssl=true;sslTrustStore={trusted}"
    for settings, expected in (("", "Spark"), ("?spark.sql.shuffle.partitions=1", REFUSED)):
        shown = subprocess.run(
            java.command(
                "org.apache.hive.beeline.BeeLine",
                *("-u", f"{address};trustStorePassword=changeit{settings}"),
                *("-n", server.user, "-w", str(cluster.reader_access / "password")),
                *("-e", "select exam_name from attempts where attempt_id = 'c'"),
                classpath=[java.SPARK_JARS / "*"],
                options=["-Xmx256m", "-Dlog4j2.level=WARN"],
            ),
            env=services.environment(cluster),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert expected in shown.stdout + shown.stderr


def run_python(code: str, settings: Settings) -> str:
    """Run a program of a reader, and return what it prints."""
    environment = {**os.environ, **settings.client_environment()}
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return shown.stdout + shown.stderr


def test_python_asks_as_the_document_says(cluster: Settings) -> None:
    [_, section] = (ROOT / "docs" / "connect.md").read_text().split("\n## The server of readers")
    [code] = re.findall(r"^```python\n(.*?)^```", section, re.M | re.S)
    assert "('core',)" in run_python(code, cluster)


@pytest.mark.parametrize(
    "other",
    [{"password": "wrong"}, {"password": "\0"}, {"user": "nobody"}, {"user": "analyst,dc=assay"}],
    ids=str,
)
def test_a_wrong_password_is_refused(server: Server, other: dict[str, Any]) -> None:
    with pytest.raises(TTransportException, match="Error validating the login"):
        ask(replace(server, **other), "select 1")


def test_without_tls_there_is_no_answer(server: Server) -> None:
    with pytest.raises((TException, OSError)):
        ask(replace(server, authority=None), "select 1")


def test_clients_refuse_another_certificate(
    server: Server, tmp_path: Path, cluster: Settings
) -> None:
    another = reader_access.create(cluster.model_copy(update={"state": tmp_path}))
    authority = (another / "certificate.pem").read_text()
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(replace(server, authority=authority), "select 1")


def test_answers_asks_the_server_of_readers(cluster: Settings) -> None:
    said = run_module("answers", expect=4, timeout=60, environment={})
    assert "UNRESOLVED_COLUMN" in said, "the view has other columns here"
    said = run_module("answers", expect=1, timeout=60, environment={"ASSAY_READER_USER": "nobody"})
    assert "refuses the password of nobody" in said


def test_the_dashboard_asks_the_server_of_readers(
    cluster: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cluster.client_environment().items():
        monkeypatch.setenv(name, value)
    asked = DashboardSettings().server()
    assert asked == thrift_client.server_for_readers(cluster)
    assert Sessions(asked).fetch("count", "select count(*) from questions.answers") == [(2,)]
    with pytest.raises(ServerDown, match="refuses the password"):
        Sessions(replace(asked, password="wrong")).fetch("count", "select 1")


def test_the_notebook_asks_the_server_of_readers(cluster: Settings) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / "tracking_user_activity.ipynb", as_version=4)
    [source] = [cell.source for cell in notebook.cells if "def connect()" in cell.source]
    code = source[: source.rindex("\nquery(")] + "\nprint(query('set spark.app.name'))"
    assert "reader" in run_python(code, cluster)


def test_the_directory_checks_passwords_only(cluster: Settings) -> None:
    search = bytes.fromhex("30250201016320040864633d61737361790a01020a010002010002010001010087")
    search += b"\x0bobjectClass0\x00"
    with socket.create_connection((HOST, cluster.directory_port), timeout=10) as opened:
        opened.sendall(search)
        assert b"userPassword" not in opened.recv(4096)


def test_large_results_and_long_queries_end(server: Server) -> None:
    said = refusal(server, "select rand() as a, rand() as b from range(20000000)")
    assert "spark.driver.maxResultSize" in said
    said = refusal(server, "select sum(hash(id)) from range(1000000000000)")
    assert "TIMEDOUT" in said
    assert ask(server, "select 1") == [(1,)]


def test_connect_asks_for_its_token(cluster: Settings) -> None:
    address = f"sc://{HOST}:{cluster.connect_port}"
    for given in ("", "/;authorization=Bearer%20another"):
        with pytest.raises(PySparkException, match="authentication token"):
            SparkSession.builder.remote(address + given).create().range(1).count()
    run_module("ingest", "topic", "create", expect=0, timeout=60, environment={})
    wrong = {"ASSAY_SPARK_TOKEN": "another"}
    said = run_module("ingest", "status", expect=21, timeout=60, environment=wrong)
    assert "refuses the token" in said


def test_ingest_gives_the_token(cluster: Settings) -> None:
    run_module("ingest", "status", expect=0, timeout=60, environment={})


def secrets(settings: Settings) -> dict[str, str]:
    folder = settings.reader_access
    assert settings.spark_token_file
    return {
        "password": (folder / "password").read_text(),
        "keystore": (folder / "keystore-password").read_text(),
        "cluster": authentication(settings)["_SPARK_AUTH_SECRET"],
        "connect": settings.spark_token_file.read_text().strip(),
        "kafka": settings.kafka_password.read_text(),
    }


def test_no_secret_is_to_be_seen(cluster: Settings, server: Server) -> None:
    shown = {
        "set -v": str(ask(server, "set -v")),
        "set": str(ask(server, "set")),
        "the web page": local_http()
        .get(f"http://{HOST}:{cluster.reader_ui_port}/environment/", timeout=30)
        .text,
        "its statements": local_http()
        .get(f"http://{HOST}:{cluster.reader_ui_port}/sqlserver/", timeout=30)
        .text,
    }
    for name in ("hive.server2.keystore.password", "spark.hadoop.hive.server2.keystore.password"):
        shown[name] = str(ask(server, f"set {name}"))
    for log in cluster.logs.iterdir():
        shown[str(log)] = log.read_text(errors="replace")
    for process in psutil.process_iter(["cmdline"]):
        shown[f"process {process.pid}"] = " ".join(process.info["cmdline"] or ())
    found = {
        (place, name)
        for place, text in shown.items()
        for name, secret in secrets(cluster).items()
        if secret in text
    }
    assert not found
    assert "hive.metastore.uris" in shown["the web page"], "the page shows no configuration"


def test_the_reader_has_no_secret_of_others(cluster: Settings) -> None:
    [process] = processes.find(cluster.state)["reader"]
    environment = str(process.environ())
    known = {name for name, secret in secrets(cluster).items() if secret in environment}
    assert known == {"keystore"}


def test_the_files_of_secrets_are_private(cluster: Settings) -> None:
    folder = cluster.reader_access
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


# What is not enforced. SECURITY.md says so; these tests show it.


def test_not_enforced_hdfs_believes_the_name_of_its_client(cluster: Settings) -> None:
    refused = hdfs(cluster, HDFS_USER, "-mkdir", "/claimed")
    assert "Permission denied: user=assay-reader" in refused.stderr
    for command in ("-mkdir", "-rmdir"):
        assert hdfs(cluster, getpass.getuser(), command, "/claimed").returncode == 0


def test_not_enforced_the_metastore_believes_the_name_of_its_client(cluster: Settings) -> None:
    drop = ("drop_database", [(TType.STRING, "spare"), (TType.BOOL, True), (TType.BOOL, False)])
    as_reader = ("set_ugi", [(TType.STRING, HDFS_USER), (TType.LIST, [])])
    assert metastore(cluster, as_reader, drop) == [True, False]
    assert metastore(cluster, drop) == [True]
    query("create schema spare")


def test_not_enforced_the_builder_asks_for_no_password(cluster: Settings) -> None:
    with closing(hive.connect(HOST, port=cluster.thrift_port, username="anybody")) as connection:
        cursor = connection.cursor()
        cursor.execute("alter schema spare set dbproperties ('changed-by' = 'anybody')")
    assert query("select '${env:_SPARK_AUTH_SECRET}'") == [(secrets(cluster)["cluster"],)]


def test_not_enforced_the_web_page_asks_for_no_password(cluster: Settings, server: Server) -> None:
    ask(server, "select 'a statement of somebody'")
    page = local_http().get(f"http://{HOST}:{cluster.reader_ui_port}/sqlserver/", timeout=30)
    assert "a statement of somebody" in page.text


def test_not_enforced_dbt_does_not_verify_certificates(cluster: Settings, server: Server) -> None:
    """It connects although nothing says that the certificate is to be trusted."""
    environment = {
        "ASSAY_TARGET": "cluster",
        "ASSAY_THRIFT_HOST": server.host,
        "ASSAY_THRIFT_PORT": str(server.port),
        "ASSAY_THRIFT_AUTH": "LDAP",
        "ASSAY_THRIFT_SSL": "true",
        "ASSAY_THRIFT_USER": server.user,
        "DBT_ENV_SECRET_THRIFT_PASSWORD": server.password,
    }
    shown = subprocess.run(
        [Path(sys.executable).with_name("dbt"), "--no-use-colors", "debug", "--connection"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert re.search(r"Connection test: \[?OK", shown.stdout), shown.stdout
