"""The operations beside a single run, such as follow, replay, maintain and restore."""
