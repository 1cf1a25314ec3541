"""The settings of the dashboard, from the environment or from `.env` in the root."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from stack.settings import HOST, ROOT
from stack.settings import Settings as StackSettings


class Settings(BaseSettings):
    """Where the Spark Thrift Server is, and when its data count as old.

    The port is that of the stack: `ASSAY_THRIFT_PORT`, or the default plus `ASSAY_PORT_OFFSET`.
    """

    model_config = SettingsConfigDict(
        env_prefix="ASSAY_", env_file=ROOT / ".env", extra="ignore", frozen=True
    )

    thrift_host: str = Field(HOST, description="name of the Spark Thrift Server")
    thrift_port: int = Field(default_factory=lambda: StackSettings().thrift_port)
    dashboard_max_age_hours: float = Field(
        default_factory=lambda: StackSettings().dashboard_max_age_hours
    )
