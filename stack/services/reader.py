"""The Thrift Server of readers: it can change no table, and asks for a password over TLS."""

import socket
import ssl
from pathlib import Path
from typing import ClassVar

from stack import reader_access, secret_files
from stack.errors import StackError
from stack.services.metastore import Metastore
from stack.services.service import PROBE_SECONDS
from stack.services.spark import THRIFT_SERVER, SparkServer
from stack.settings import CONFIG

PROPERTIES = CONFIG / "spark" / "reader.conf"
# It checks each statement, and runs SparkSubmit.
PROGRAM = Path(__file__).with_name("ReaderServer.java")
# Owns nothing in HDFS and is in no group: see core-site.xml.
HDFS_USER = "assay-reader"


class Reader(SparkServer):
    """Answers queries in one process.

    It is no application of the cluster: an application has the cluster's secret in its environment.
    """

    name = "reader"
    main = THRIFT_SERVER
    submit: ClassVar[tuple[str, ...]] = (
        "org.codehaus.janino.SimpleCompiler",
        str(PROGRAM),
        PROGRAM.stem,
    )
    after = (Metastore.name,)
    properties = PROPERTIES

    @property
    def folder(self) -> Path:
        """The folder of its temporary files."""
        return self.settings.state / "reader"

    @property
    def ports(self) -> dict[str, int]:
        """Thrift, and the web page."""
        return {"thrift": self.settings.reader_port, "web page": self.settings.reader_ui_port}

    @property
    def variables(self) -> dict[str, str]:
        """Its user in HDFS, and what hive-site.xml refers to.

        Raises:
            StackError: the keystore is given without its password, or the file cannot be read.
        """
        settings = self.settings
        keystore, password = self._keystore()
        return {
            "HADOOP_USER_NAME": HDFS_USER,
            "ASSAY_THRIFT_PORT": str(settings.reader_port),
            "ASSAY_THRIFT_AUTHENTICATION": "LDAP",
            "ASSAY_LDAP_URL": settings.reader_ldap_url
            or f"ldap://{settings.own_address}:{settings.directory_port}",
            "ASSAY_LDAP_USERS": settings.reader_ldap_users,
            "ASSAY_THRIFT_TLS": "true",
            "ASSAY_KEYSTORE": str(keystore),
            "ASSAY_KEYSTORE_PASSWORD": password,
        }

    def _keystore(self) -> tuple[Path, str]:
        """Return the file with certificate and key, and its password."""
        keystore = self.settings.reader_keystore
        file = self.settings.reader_keystore_password_file
        if keystore is None:
            folder = reader_access.create(self.settings)
            keystore, file = folder / "keystore.p12", folder / "keystore-password"
        if file is None:
            raise StackError(
                "ASSAY_READER_KEYSTORE is set, and ASSAY_READER_KEYSTORE_PASSWORD_FILE is not",
                "name a file with the password of the keystore",
            )
        return keystore, secret_files.read("ASSAY_READER_KEYSTORE_PASSWORD_FILE", file)

    @property
    def configuration(self) -> dict[str, str]:
        """The addresses of the metastore and the web page, and the limit of time."""
        settings = self.settings
        return {
            "spark.app.name": self.name,
            **self.metastore_configuration,
            "spark.ui.port": str(settings.reader_ui_port),
            "spark.sql.thriftServer.queryTimeout": f"{settings.reader_query_seconds}s",
            **self.shared_configuration,
        }

    def is_ready(self) -> bool:
        """Return whether it speaks TLS: it does once its session is created."""
        context = ssl.create_default_context()
        context.check_hostname = False  # no password is sent here
        context.verify_mode = ssl.CERT_NONE
        address = (self.settings.own_address, self.settings.reader_port)
        try:
            with (
                socket.create_connection(address, timeout=PROBE_SECONDS) as opened,
                context.wrap_socket(opened),
            ):
                return True
        except OSError:
            return False
