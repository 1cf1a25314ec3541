"""The error of the dictionary, which names its remedy."""


class DictionaryError(Exception):
    """The pages cannot be made.

    Args:
        problem: what is wrong, naming the thing and the place.
        remedy: what to do about it, preferably a command.
    """

    exit_code = 29

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
