"""Where Kafka and Spark are."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment: `ASSAY_KAFKA`, `ASSAY_SPARK`, `ASSAY_TOPIC`."""

    model_config = SettingsConfigDict(env_prefix="ASSAY_", extra="ignore", frozen=True)

    kafka: str = Field("127.0.0.1:9092", description="bootstrap servers, separated by commas")
    spark: str = Field("sc://127.0.0.1:15002", description="address of Spark Connect")
    topic: str = Field("assess", description="the topic of the attempts")
