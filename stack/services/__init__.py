"""The services, each in a module of its own."""

import sys

from stack import java
from stack.environment import basic as basic_environment
from stack.services.applications import Builder, Connect
from stack.services.dashboard import Dashboard as Dashboard
from stack.services.directory import Directory
from stack.services.hdfs import DataNode, NameNode, SecondDataNode
from stack.services.kafka import Kafka
from stack.services.metastore import Metastore
from stack.services.reader import Reader
from stack.services.service import Service as Service
from stack.services.spark import Spark
from stack.services.standalone import WORKERS, Master, Worker
from stack.settings import ROOT, Settings


def all_services(settings: Settings) -> list[Service]:
    """Return every service of the mode, in the order in which they are started."""
    return [*pipeline_services(settings), Dashboard(settings)]


def known_services(settings: Settings) -> dict[str, Service]:
    """Return the services of both modes by name: first those of the mode of the settings."""
    other = settings.model_copy(update={"cluster": not settings.cluster})
    both = [*all_services(settings), *pipeline_services(other)]
    return {service.name: service for service in reversed(both)}


def pipeline_services(settings: Settings) -> list[Service]:
    """Return the services that a pipeline needs: those that `up` always starts."""
    storage = [NameNode(settings), DataNode(settings), Kafka(settings)]
    if not settings.cluster:
        return [*storage, Spark(settings)]
    applications = [Builder(settings), Connect(settings)]
    return [
        *storage,
        SecondDataNode(settings),
        Metastore(settings),
        Master(settings),
        *(Worker(settings, number, executors=len(applications)) for number in WORKERS),
        *applications,
        *([] if settings.reader_ldap_url else [Directory(settings)]),
        Reader(settings),
    ]


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a service: our variables, and the Python of Spark's workers."""
    return {
        **basic_environment(),
        **settings.service_environment(),
        "SPARK_HOME": str(java.SPARK_HOME),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
