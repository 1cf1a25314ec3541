"""Ingest the messages of a Kafka topic into an Iceberg raw table, exactly once."""
