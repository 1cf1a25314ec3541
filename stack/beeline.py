"""What Beeline says of an error, without the parts that help nobody who asks in SQL."""

import re
from collections.abc import Iterable, Iterator

# Java's stack frames, and the tree of the plan, which begins with an unresolved node.
TRACE = re.compile(r"\s+at |\s*[:+]- |'")
END = "(state="
PREFIX = re.compile(r"Error: \S+HiveSQLException: Error running query: (?:\[\S+\] )?(?:[\w.$]+: )?")


def without_traces(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines that Beeline writes to its standard error, errors without stack traces.

    Args:
        lines: with their ends.
    """
    in_error = in_trace = False
    for line in lines:
        if line.startswith("Error: "):
            in_error, line = True, PREFIX.sub("Error: ", line)
        in_trace = in_error and (in_trace or bool(TRACE.match(line)))
        if not in_trace:
            yield line
        if END in line:
            in_error = in_trace = False
