"""What can go wrong with the stack, each with its remedy and an exit code of its own."""


class StackError(Exception):
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


class PortTaken(StackError):
    """A port that a service needs belongs to somebody else."""

    exit_code = 3


class ServiceFailed(StackError):
    """A service died or did not get ready in time."""

    exit_code = 4


class NotRunning(StackError):
    """The command needs the services, and they are not up."""

    exit_code = 5


class JarsUnavailable(StackError):
    """The jars could not be fetched, or are not the ones the project was tested with."""

    exit_code = 6


class StateUnusable(StackError):
    """The state folder cannot be used: no room, no permission, not ours, or busy."""

    exit_code = 7


class StepFailed(StackError):
    """A step of the demo ended with an error."""

    exit_code = 8
