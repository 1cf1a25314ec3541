"""The dashboard: the published marts as pages, read over the Spark Thrift Server."""
