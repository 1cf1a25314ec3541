"""What the tests of readers do: statements, calls of HDFS and the metastore, and a fingerprint."""

import subprocess
from contextlib import closing
from typing import Any

from pyhive import hive
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TMessageType, TType
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport

from stack import java, services, thrift_client
from stack.services.reader import HDFS_USER, Reader
from stack.services.spark import SparkServer
from stack.settings import CONFIG, HOST, Settings
from stack.thrift_client import Server, message_of
from tests.end_to_end.conftest import query


class Unchecked(Reader):
    """The server of readers without rules of its own: HDFS and the metastore refuse alone."""

    name = "unchecked"
    submit = SparkServer.submit

    @property
    def configuration(self) -> dict[str, str]:
        extensions = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
        return {**super().configuration, "spark.sql.extensions": extensions}


def ask(server: Server, sql: str, **session: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement, in a session of its own."""
    connection, _ = thrift_client.open_session(server, 120, **session)
    with closing(connection):
        cursor = connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


def refusal(server: Server, sql: str) -> str:
    """Why the server refuses a statement; empty if it does not."""
    try:
        ask(server, sql)
    except hive.Error as error:
        return message_of(error)
    return ""


def hdfs(settings: Settings, user: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `hadoop fs` as a client that says that it is this user."""
    command = java.command(
        "org.apache.hadoop.fs.FsShell",
        *arguments,
        classpath=[*java.hadoop_classpath(), CONFIG / "hadoop"],
        options=["-Xmx256m", "-Dlog4j2.level=WARN"],
    )
    environment = {**services.environment(settings), "HADOOP_USER_NAME": user}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def fingerprint(settings: Settings) -> list[object]:
    """All files with owner, size and time, schemas, tables, views, properties and snapshots."""
    listed = hdfs(settings, HDFS_USER, "-ls", "-R", "/").stdout
    assert "/warehouse/core.db/attempts/data" in listed
    found: list[object] = [*sorted(listed.splitlines())]
    for (schema,) in query("show schemas"):
        found += query(f"describe schema extended {schema}")
        found += query(f"show user functions in {schema}")
        for _, table, _ in query(f"show tables in {schema}"):
            found += query(f"describe extended {schema}.{table}")
    for table in ("core.attempts", "core.empty"):
        found += sorted(query(f"select name, type, snapshot_id from {table}.refs"))
        found += sorted(query(f"select snapshot_id from {table}.snapshots"))
    return found


def metastore(settings: Settings, *calls: tuple[str, list[tuple[int, Any]]]) -> list[bool]:
    """Call the metastore as a client of any name, and return whether it did what it was told."""
    transport = TBufferedTransport(TSocket(HOST, settings.metastore_port))
    protocol = TBinaryProtocol(transport)
    transport.open()
    succeeded = []
    with closing(transport):
        for name, arguments in calls:
            protocol.writeMessageBegin(name, TMessageType.CALL, 1)
            protocol.writeStructBegin("arguments")
            for number, (kind, value) in enumerate(arguments, start=1):
                protocol.writeFieldBegin("", kind, number)
                if isinstance(value, bool):
                    protocol.writeBool(value)
                elif isinstance(value, str):
                    protocol.writeString(value)
                else:
                    protocol.writeListBegin(TType.STRING, 0)
                    protocol.writeListEnd()
                protocol.writeFieldEnd()
            protocol.writeFieldStop()
            protocol.writeMessageEnd()
            transport.flush()
            _, kind, _ = protocol.readMessageBegin()
            protocol.readStructBegin()
            _, field, number = protocol.readFieldBegin()
            # an empty answer, or one whose field is the result and not an error
            succeeded.append(kind == TMessageType.REPLY and (field == TType.STOP or number == 0))
            if field != TType.STOP:
                protocol.skip(field)
                protocol.readFieldBegin()
            protocol.readMessageEnd()
    return succeeded
