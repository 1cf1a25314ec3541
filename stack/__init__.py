"""Kafka, HDFS, and Spark with the Hive metastore on one machine, without containers."""
