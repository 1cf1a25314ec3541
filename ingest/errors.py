"""What can go wrong with ingest, each with its remedy and an exit code of its own."""


class IngestError(Exception):
    """A failure that the user can mend.

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
    """A setting that cannot be, or that lacks another."""

    exit_code = 1


class BadFile(IngestError):
    """The file is missing, unreadable, or holds something else than messages."""

    exit_code = 10


class NoBroker(IngestError):
    """No Kafka broker answers at the address."""

    exit_code = 11


class NoTopic(IngestError):
    """The topic does not exist, or its name cannot be one."""

    exit_code = 12


class NoSpark(IngestError):
    """No Spark Connect server answers at the address, or it failed."""

    exit_code = 13


class PublishFailed(IngestError):
    """The broker refused messages, and none was published; or it did not say that they were."""

    exit_code = 14


class TopicReplaced(IngestError):
    """The topic is not the one of the last commit: recreated, or in another cluster."""

    exit_code = 15


class RetentionGap(IngestError):
    """Kafka no longer has messages that were not ingested yet."""

    exit_code = 16


class OffsetsWentBack(IngestError):
    """Kafka's end offset lies before the committed one."""

    exit_code = 17


class ReadStalled(IngestError):
    """A range could not be read to its end."""

    exit_code = 18


class CommitLost(IngestError):
    """Another ingest committed first; nothing was written."""

    exit_code = 19


class Undecodable(IngestError):
    """A record, or a batch of them, that Kafka holds but nobody can read."""

    exit_code = 20


class Refused(IngestError):
    """Kafka does not let us in, or not do this."""

    exit_code = 21


class NoCodec(IngestError):
    """The library for a compression that the messages have is not installed."""

    exit_code = 22


class ReplayLoses(IngestError):
    """Kafka no longer has rows that a replay would replace."""

    exit_code = 23


class Unwell(IngestError):
    """The doctor found something."""

    exit_code = 24


class TableNameClash(IngestError):
    """The raw table of a topic belongs to another topic, or is not a raw table."""

    exit_code = 26


class OutputLost(IngestError):
    """What a command prints cannot be written: a full disk."""

    exit_code = 27


class Unexpected(IngestError):
    """An error that nobody foresaw: a defect of ingest."""

    exit_code = 28


class NothingToAccept(IngestError):
    """There is nothing to decide: what was to be accepted is not the case."""

    exit_code = 25
