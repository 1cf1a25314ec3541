"""The errors of the stack: each kind has its own exit code, and each error names its remedy."""


class StackError(Exception):
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


class PortTaken(StackError):
    """A port that a service needs is used by another process."""

    exit_code = 3


class ServiceFailed(StackError):
    """A service died, or was not ready in time."""

    exit_code = 4


class NotRunning(StackError):
    """The command needs the services, and they are not up."""

    exit_code = 5


class JarsUnavailable(StackError):
    """The jars could not be fetched, or their checksums are not those of `jars.lock`."""

    exit_code = 6


class StateUnusable(StackError):
    """The state folder cannot be used: no disk space, no permission, not the stack's, or in use."""

    exit_code = 7


class PackagesMissing(StackError):
    """A service needs packages that are not installed."""

    exit_code = 30


class StepFailed(StackError):
    """A step of the demo ended with an error."""

    exit_code = 8


class NothingPublished(StackError):
    """No build has published the table yet."""

    exit_code = 9
