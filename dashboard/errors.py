"""The errors of the dashboard: each says what is wrong and what to do, and a page shows both."""


class DashboardError(Exception):
    """What a page shows instead of its figures.

    Args:
        problem: what is wrong, naming the thing and the place.
        remedy: what to do about it, preferably a command.

    A page that shows an error is read again when something is published. If the error passes by
    itself, the page is read again every two seconds.
    """

    state = "error"
    passes_by_itself = False

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class ServerDown(DashboardError):
    """The Spark Thrift Server cannot be reached, or does not answer in time."""

    state = "down"
    passes_by_itself = True


class NotPublished(DashboardError):
    """A page needs marts that no build has published yet."""

    state = "empty"


class StatementFailed(DashboardError):
    """Spark refused a statement."""

    state = "error"


class StillPublishing(DashboardError):
    """A build is replacing the marts of the page, and there is no earlier state to show."""

    state = "loading"
    passes_by_itself = True
