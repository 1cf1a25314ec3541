"""The errors of ingest: each kind has its own exit code, and each error names its remedy."""


class IngestError(Exception):
    """A failure that the user can correct.

    Args:
        problem: what is wrong, naming the thing and the place.
        remedy: what to do about it, preferably a command.
    """

    exit_code = 1

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class BadSetting(IngestError):
    """A setting is invalid, or needs another one that is missing."""

    exit_code = 1


class BadFile(IngestError):
    """The file is missing or unreadable, or does not hold messages."""

    exit_code = 10


class BrokerUnavailable(IngestError):
    """No Kafka broker answers at the address."""

    exit_code = 11


class UnknownTopic(IngestError):
    """The topic does not exist, or its name is invalid."""

    exit_code = 12


class SparkUnavailable(IngestError):
    """No Spark Connect server answers at the address, or it failed."""

    exit_code = 13


class PublishFailed(IngestError):
    """The broker refused the messages and none was published, or the result is unknown."""

    exit_code = 14


class TopicIdChanged(IngestError):
    """The topic is not that of the last commit: it was recreated, or is in another cluster."""

    exit_code = 15


class DataLoss(IngestError):
    """Kafka deleted messages that were not ingested yet."""

    exit_code = 16


class EndOffsetRegressed(IngestError):
    """Kafka's end offset lies before the committed one."""

    exit_code = 17


class ReadStalled(IngestError):
    """A range could not be read to its end."""

    exit_code = 18


class CommitConflict(IngestError):
    """Another ingest committed first; nothing was written."""

    exit_code = 19


class CorruptRecord(IngestError):
    """A record, or a whole record batch, cannot be decoded."""

    exit_code = 20


class AuthError(IngestError):
    """Kafka or Spark Connect refused authentication or authorization."""

    exit_code = 21


class UnsupportedCodec(IngestError):
    """The library for the messages' compression codec is not installed."""

    exit_code = 22


class ReplayWouldLoseRows(IngestError):
    """Kafka no longer has all records of the rows that a replay would replace."""

    exit_code = 23


class ChecksFailed(IngestError):
    """At least one check of `doctor` failed."""

    exit_code = 24


class TableNameClash(IngestError):
    """The raw table of a topic belongs to another topic, or is not a raw table."""

    exit_code = 26


class OutputLost(IngestError):
    """The output of a command cannot be written, for example because a disk is full."""

    exit_code = 27


class Unexpected(IngestError):
    """An unexpected error: a defect of assay."""

    exit_code = 28


class NothingToAccept(IngestError):
    """There is nothing to accept: the condition that was to be accepted does not hold."""

    exit_code = 25


class NothingToRestore(IngestError):
    """HDFS has no raw table."""

    exit_code = 31


class TableDamaged(IngestError):
    """HDFS lacks files of a table."""

    exit_code = 32


class TableLost(IngestError):
    """HDFS has the files of a raw table that the metastore does not know."""

    exit_code = 33
