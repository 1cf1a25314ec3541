"""The services, each in a module of its own."""

import sys

from stack import java
from stack.environment import basic as basic_environment
from stack.services.dashboard import Dashboard as Dashboard
from stack.services.hdfs import DataNode, NameNode
from stack.services.kafka import Kafka
from stack.services.service import Service as Service
from stack.services.spark import Spark
from stack.settings import ROOT, Settings


def all_services(settings: Settings) -> list[Service]:
    """Return every service, in the order in which they are started."""
    return [*pipeline_services(settings), Dashboard(settings)]


def pipeline_services(settings: Settings) -> list[Service]:
    """Return the services that a pipeline needs: those that `up` always starts."""
    return [NameNode(settings), DataNode(settings), Kafka(settings), Spark(settings)]


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a service: our variables, and the Python of Spark's workers."""
    return {
        **basic_environment(),
        **settings.service_environment(),
        "SPARK_HOME": str(java.SPARK_HOME),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
