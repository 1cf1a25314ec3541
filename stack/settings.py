"""The settings of the stack: folders, ports and addresses, all with defaults."""

from pathlib import Path
from typing import Self

import platformdirs
from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from stack.environment import ROOT as ROOT

CONFIG = ROOT / "stack" / "config"
HOST = "127.0.0.1"
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - as containers do, whose network is their own

# One of the services reads them as separators of paths, quotes, escapes or patterns.
REFUSED_IN_PATHS = "'\",:;%$*?\\`<>|"

# With one of these, clients connect as to the cluster.
OF_THE_CLUSTER = ("ASSAY_KAFKA_SECURITY", "ASSAY_KAFKA_SASL", "ASSAY_READER_HOST")

# With a larger offset, ports would fall into Linux's range of ephemeral ports.
MAX_OFFSET = 32767 - 15002


class Settings(BaseSettings):
    """Read from the environment (`ASSAY_STATE`, `ASSAY_PORT_OFFSET`, …) or from `.env` in the root.

    Every port is its default plus `port_offset`, unless it is given itself.
    """

    model_config = SettingsConfigDict(
        env_prefix="ASSAY_",
        env_file=ROOT / ".env",
        extra="ignore",
        frozen=True,
        validate_default=True,
    )

    state: Path = Field(ROOT / ".stack", description="folder of topics, blocks, metastore and logs")
    cache: Path = Field(
        platformdirs.user_cache_path("assay"), description="folder of the jars, for all checkouts"
    )
    spark_memory: str = Field("2g", pattern=r"^\d+[mg]$", description="heap of the Spark server")
    spark_compilers: str = Field(
        "both",
        pattern=r"^(both|early)$",
        description="Java's compilers in the Spark server: `early` starts sooner, `both` is faster",
    )
    cluster: bool = Field(
        False, description="Spark's standalone cluster and two DataNodes, instead of one server"
    )
    executor_memory: str = Field(
        "1g", pattern=r"^\d+[mg]$", description="heap of each executor of the cluster"
    )
    dashboard_max_age_hours: float = Field(
        24.0, gt=0, description="hours after which the dashboard calls published data old"
    )
    port_offset: int = Field(0, ge=0, le=MAX_OFFSET, description="added to every default port")

    # Only these differ between one machine and containers, or several machines.
    bind: str = Field(HOST, description="address that the servers of this host listen on")
    host: str = Field(HOST, description="this host's name for the others: DataNode, worker, driver")
    kafka_host: str = Field(HOST, description="host of the broker for clients")
    kafka_broker_host: str = Field(HOST, description="its host for clients among the services")
    namenode_host: str = Field(HOST, description="host of the NameNode")
    metastore_host: str = Field(HOST, description="host of the metastore")
    master_host: str = Field(HOST, description="host of the master, which listens on it alone")
    builder_host: str = Field(HOST, description="host of the builder: SQL")
    connect_host: str = Field(HOST, description="host of Spark Connect: ingest")
    spark_secret_file: Path | None = Field(
        None, description="file with the secret of the cluster; created in the state folder if None"
    )
    metastore_url: str | None = Field(
        None,
        pattern="^jdbc:postgresql://",
        description="JDBC address of the metastore's database; Derby in the state folder if None",
    )
    metastore_user: str = Field("metastore", description="its user in PostgreSQL")
    metastore_password_file: Path | None = Field(None, description="file with that password")
    spark_ports: int = Field(
        0, ge=0, le=65_535 - 40, description="first of 40 ports of drivers and executors; 0: any"
    )

    spark_token_file: Path | None = Field(
        None, description="file with the token that the cluster's Spark Connect asks for, if any"
    )
    kafka_username: str = Field("assay", description="user of the cluster's Kafka")
    kafka_password_file: Path | None = Field(
        None, description="file with that user's password; created in the state folder if None"
    )

    # Of readers: first what their server needs, then what their clients need.
    reader_query_seconds: int = Field(
        300, gt=0, description="seconds after which a reader's statement is cancelled"
    )
    reader_ldap_url: str | None = Field(
        None, description="LDAP server that checks passwords; None starts one for this machine"
    )
    reader_ldap_users: str = Field(
        "uid=%s,dc=assay", description="distinguished name of a user, with %s for the user's name"
    )
    reader_keystore: Path | None = Field(
        None, description="PKCS12 or JKS file with certificate and key; created if None"
    )
    reader_keystore_password_file: Path | None = Field(
        None, description="file with the password of the keystore"
    )
    reader_host: str | None = Field(
        None,
        description="name of the readers' server; None: that of this machine's cluster, if any",
    )
    reader_user: str = Field("analyst", description="user whose password clients give")
    reader_password_file: Path | None = Field(
        None, description="file with that password; None: the one that the stack created"
    )
    reader_ca_file: Path | None = Field(
        None, description="PEM file with the authority to trust; None: the stack's certificate"
    )

    kafka_port: int = 9092
    kafka_controller_port: int = 9093
    kafka_broker_port: int = 9094
    namenode_port: int = 8020
    namenode_http_port: int = 9870
    datanode_port: int = 9866
    datanode_ipc_port: int = 9867
    datanode_http_port: int = 9864
    thrift_port: int = 10000
    connect_port: int = 15002
    spark_ui_port: int = 4040
    dashboard_port: int = 8501

    # Of the cluster. They differ modulo 20 from each other and from those above, so that the ports
    # of two checkouts whose offsets are multiples of 20 stay apart.
    datanode_2_port: int = 9876
    datanode_2_ipc_port: int = 9875
    datanode_2_http_port: int = 9869
    metastore_port: int = 9083
    master_port: int = 7077
    master_http_port: int = 8088
    worker_1_port: int = 7078
    worker_2_port: int = 7079
    connect_ui_port: int = 4045
    directory_port: int = 3891
    # These are the usual ones, and are apart only where offsets differ by less than 1,500.
    reader_port: int = 10001
    reader_ui_port: int = 4046

    @model_validator(mode="after")
    def _offset_default_ports(self) -> Self:
        for name in type(self).model_fields:
            if name.endswith("_port") and name not in self.model_fields_set:
                # the model is frozen, but this is still its construction
                self.__dict__[name] += self.port_offset
        return self

    @field_validator(
        "spark_secret_file",
        "metastore_password_file",
        "spark_token_file",
        "kafka_password_file",
        "reader_keystore",
        "reader_keystore_password_file",
        "reader_password_file",
        "reader_ca_file",
    )
    @classmethod
    def _file(cls, given: Path | None) -> Path | None:
        """Resolve a path from the project's root, as those of folders."""
        return given and ROOT / given.expanduser()

    @field_validator("state", "cache")
    @classmethod
    def _folder(cls, given: Path) -> Path:
        """Resolve a path from the project's root, so that all commands find the same folder."""
        try:
            folder = (ROOT / given.expanduser()).resolve()
        except RuntimeError as error:  # ~nobody
            raise ValueError(str(error)) from error
        refused = [c for c in str(folder) if c in REFUSED_IN_PATHS or ord(c) < ord(" ")]
        if refused:
            raise ValueError(
                f"the path {folder} contains {refused[0]!r}, which Kafka, HDFS or Java misread"
            )
        return folder

    @property
    def own_address(self) -> str:
        """The address at which this host reaches its own servers."""
        return HOST if self.bind == EVERY_ADDRESS else self.bind

    @property
    def logs(self) -> Path:
        """The folder with one log per service."""
        return self.state / "logs"

    def log(self, service: str) -> Path:
        """Return the path of a service's log."""
        return self.logs / f"{service}.log"

    def client_environment(self) -> dict[str, str]:
        """Return the variables with which ingest and dbt find the services."""
        return {
            "ASSAY_KAFKA": f"{self.kafka_host}:{self.kafka_port}",
            "ASSAY_SPARK": f"sc://{self.connect_host}:{self.connect_port}",
            "ASSAY_THRIFT_HOST": self.builder_host,
            "ASSAY_THRIFT_PORT": str(self.thrift_port),
            **(self._cluster_environment() if self.cluster else {}),
        }

    def unset_variables(self) -> tuple[str, ...]:
        """Return the variables that clients of the local services must not keep."""
        return () if self.cluster else OF_THE_CLUSTER

    def _cluster_environment(self) -> dict[str, str]:
        token = self.spark_token_file
        return {
            **self.reader_environment(),
            "ASSAY_KAFKA_SECURITY": "SASL_PLAINTEXT",
            "ASSAY_KAFKA_SASL": "PLAIN",
            "ASSAY_KAFKA_USERNAME": self.kafka_username,
            "ASSAY_KAFKA_PASSWORD_FILE": str(self.kafka_password_file or self.kafka_password),
            **({"ASSAY_SPARK_TOKEN_FILE": str(token)} if token else {}),
        }

    def reader_environment(self) -> dict[str, str]:
        """Return the variables with which readers find their server, which only the cluster has."""
        return {
            "ASSAY_READER_HOST": self.reader_host or HOST,
            "ASSAY_READER_PORT": str(self.reader_port),
            "ASSAY_READER_USER": self.reader_user,
            "ASSAY_READER_PASSWORD_FILE": str(
                self.reader_password_file or self.reader_access / "password"
            ),
            "ASSAY_READER_CA_FILE": str(
                self.reader_ca_file or self.reader_access / "certificate.pem"
            ),
        }

    @property
    def kafka_password(self) -> Path:
        """The file of the password that the stack creates for Kafka."""
        return self.state / "kafka-password"

    @property
    def reader_access(self) -> Path:
        """The folder of the password and the certificate that the stack creates for readers."""
        return self.state / "reader-access"

    def service_environment(self) -> dict[str, str]:
        """Return the variables that the files in `stack/config` refer to."""
        clients, brokers = self.kafka_port, self.kafka_broker_port
        controller = f"{self.own_address}:{self.kafka_controller_port}"
        derby = self.state / "metastore"
        return {
            "ASSAY_BIND": self.bind,
            "ASSAY_KAFKA_DATA": str(self.state / "kafka"),
            "ASSAY_KAFKA_LISTENERS": f"BROKER://{self.bind}:{brokers},"
            f"CLIENT://{self.bind}:{clients},CONTROLLER://{controller}",
            "ASSAY_KAFKA_ADVERTISED": f"BROKER://{self.kafka_broker_host}:{brokers},"
            f"CLIENT://{self.kafka_host}:{clients}",
            "ASSAY_KAFKA_CONTROLLER": controller,
            "ASSAY_KAFKA_PROTOCOL": "SASL_PLAINTEXT" if self.cluster else "PLAINTEXT",
            "ASSAY_HDFS_DATA": str(self.state / "hdfs"),
            "ASSAY_HDFS_REPLICATION": "2" if self.cluster else "1",
            # A DataNode is dead after twice this time and 30 s: 10 minutes by default.
            "ASSAY_HDFS_RECHECK_MS": "5000" if self.cluster else "300000",
            "ASSAY_NAMENODE_RPC": f"{self.namenode_host}:{self.namenode_port}",
            "ASSAY_NAMENODE_HTTP": f"{self.namenode_host}:{self.namenode_http_port}",
            "ASSAY_HOST": self.host,
            "ASSAY_DATANODE_ADDRESS": f"{self.bind}:{self.datanode_port}",
            "ASSAY_DATANODE_IPC": f"{self.bind}:{self.datanode_ipc_port}",
            "ASSAY_DATANODE_HTTP": f"{self.bind}:{self.datanode_http_port}",
            "ASSAY_METASTORE_URL": f"jdbc:derby:;databaseName={derby};create=true",
            "ASSAY_THRIFT_PORT": str(self.thrift_port),
            "HADOOP_CONF_DIR": str(CONFIG / "hadoop"),
            "SPARK_CONF_DIR": str(CONFIG / "spark"),
            "SPARK_LOCAL_IP": self.bind,
        }
