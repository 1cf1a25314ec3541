"""Moves the messages of a Kafka topic into a raw table, exactly once."""
