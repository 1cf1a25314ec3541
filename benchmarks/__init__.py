"""Benchmarks of ingest and of dbt's builds."""
