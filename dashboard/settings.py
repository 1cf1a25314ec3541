"""The settings of the dashboard, from the environment or from `.env` in the root."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from stack.settings import HOST, ROOT
from stack.settings import Settings as StackSettings
from stack.thrift_client import Server, reader


class Settings(BaseSettings):
    """Where the Spark Thrift Server is, and when its data count as old.

    The port is that of the stack: `ASSAY_THRIFT_PORT`, or the default plus `ASSAY_PORT_OFFSET`.
    """

    model_config = SettingsConfigDict(
        env_prefix="ASSAY_", env_file=ROOT / ".env", extra="ignore", frozen=True
    )

    thrift_host: str = Field(HOST, description="name of the Spark Thrift Server")
    thrift_port: int = Field(default_factory=lambda: StackSettings().thrift_port)
    reader_host: str | None = Field(None, description="name of the server of readers, if it runs")
    reader_port: int = 10001
    reader_user: str = "analyst"
    reader_password_file: Path | None = None
    reader_ca_file: Path | None = None
    dashboard_max_age_hours: float = Field(
        default_factory=lambda: StackSettings().dashboard_max_age_hours
    )

    def server(self) -> Server:
        """Return the server that is asked: that of readers where it runs (`ASSAY_READER_HOST`).

        Raises:
            StackError: the password of readers cannot be read.
        """
        if not (self.reader_host and self.reader_password_file and self.reader_ca_file):
            return Server(self.thrift_host, self.thrift_port)
        return reader(
            self.reader_host,
            self.reader_port,
            self.reader_user,
            password_file=self.reader_password_file,
            ca_file=self.reader_ca_file,
        )
