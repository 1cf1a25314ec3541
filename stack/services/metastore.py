"""The Hive metastore as a service of its own, which all applications of the cluster use."""

from pathlib import Path

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TException, TMessageType
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport

from stack import jars, java, secret_files
from stack.errors import StackError
from stack.services.service import PROBE_SECONDS, JavaService, is_listening
from stack.settings import CONFIG

WAREHOUSE = "hdfs://assay/warehouse"
# A change needs the permission to write in the folder of the table or schema. Whoever may read
# files may read names, which is not checked: a build asks for thousands.
AUTHORIZATION = {
    "hive.metastore.pre.event.listeners": (
        "org.apache.hadoop.hive.ql.security.authorization.AuthorizationPreEventListener"
    ),
    "hive.security.metastore.authorization.manager": (
        "org.apache.hadoop.hive.ql.security.authorization.StorageBasedAuthorizationProvider"
    ),
    "hive.security.metastore.authorization.auth.reads": "false",
}
# Hive's own main program listens on all addresses.
PROGRAM = Path(__file__).with_name("Metastore.java")


class Metastore(JavaService):
    """Holds the names of tables and the places of their metadata, in a database.

    By default it is the one that the local Spark server embeds, which one process at a time can
    open: Derby on disk. The settings may name a database of PostgreSQL.
    """

    name = "metastore"

    @property
    def ports(self) -> dict[str, int]:
        """Thrift."""
        return {"thrift": self.settings.metastore_port}

    @property
    def variables(self) -> dict[str, str]:
        """The connection to PostgreSQL, if there is one.

        Raises:
            StackError: the file with the password cannot be read.
        """
        settings = self.settings
        if settings.metastore_url is None:
            return {}
        if settings.metastore_password_file is None:
            raise StackError(
                "ASSAY_METASTORE_URL is set without ASSAY_METASTORE_PASSWORD_FILE",
                "name the file with the password of ASSAY_METASTORE_USER",
            )
        return {
            "ASSAY_METASTORE_URL": settings.metastore_url,
            "ASSAY_METASTORE_DRIVER": "org.postgresql.Driver",
            "ASSAY_METASTORE_POOL": "HikariCP",  # replaces connections that are lost
            "ASSAY_METASTORE_USER": settings.metastore_user,
            "ASSAY_METASTORE_PASSWORD": secret_files.read(
                "ASSAY_METASTORE_PASSWORD_FILE", settings.metastore_password_file
            ),
        }

    def command(self) -> list[str]:
        """Hive's server, started by a program of ours, which is compiled first."""
        return java.command(
            "org.codehaus.janino.SimpleCompiler",
            *(str(PROGRAM), PROGRAM.stem),
            *(self.settings.bind, str(self.settings.metastore_port)),
            classpath=[
                java.SPARK_JARS / "*",
                *jars.classpath(self.settings.cache, "metastore"),
                CONFIG / "spark",
                CONFIG / "hadoop",
            ],
            options=[
                "-Xmx512m",
                *java.SMALL_JVM_OPTIONS,
                f"-Dhive.metastore.warehouse.dir={WAREHOUSE}",
                f"-Dderby.system.home={self.settings.state}",
                *(f"-D{name}={value}" for name, value in AUTHORIZATION.items()),
            ],
        )

    def is_ready(self) -> bool:
        """Return whether it answers a client's request for the databases."""
        address, port = self.settings.own_address, self.settings.metastore_port
        return is_listening(address, port) and _answers(address, port)


def _answers(address: str, port: int) -> bool:
    socket = TSocket(address, port)
    socket.setTimeout(PROBE_SECONDS * 1000)
    transport = TBufferedTransport(socket)
    protocol = TBinaryProtocol(transport)
    try:
        transport.open()
        protocol.writeMessageBegin("get_all_databases", TMessageType.CALL, 1)
        protocol.writeStructBegin("arguments")
        protocol.writeFieldStop()
        protocol.writeStructEnd()
        protocol.writeMessageEnd()
        transport.flush()
        _, kind, _ = protocol.readMessageBegin()
    except (TException, OSError, EOFError):
        return False
    finally:
        transport.close()
    return bool(kind == TMessageType.REPLY)
