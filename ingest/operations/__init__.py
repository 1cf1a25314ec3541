"""The operations beside a single run: follow, replay, accept, maintain, doctor and metrics."""
