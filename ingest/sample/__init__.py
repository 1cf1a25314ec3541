"""Made-up messages that reach the published study's figures; nothing in them is anyone's."""

from collections.abc import Iterator

from ingest.sample import attempts, catalogue, study
from ingest.sample.chance import Chance

__all__ = ["MESSAGES", "SEED", "generate"]

MESSAGES = study.MESSAGES
SEED = 20180128


def generate(messages: int = MESSAGES, seed: int = SEED) -> Iterator[bytes]:
    """Yield messages like those of the course-assessment export, without line ends.

    The same on every machine and Python. A longer sample begins with the shorter one where that is
    whole studies; memory does not grow with the length.

    Args:
        messages: how many, at least 1. Every 3,280 are a study of ten weeks, the first from
            2017-11-21, the fortieth from 2025-05-13, the next from 2017-11-21 again; a part of one
            has the same shares as the whole, as far as it can.
        seed: another one gives other ids, difficulties, answers and moments, and the same figures.

    Raises:
        ValueError: `messages` is less than 1.
    """
    if messages < 1:
        raise ValueError(f"messages is {messages}: ask for at least 1")
    return _generate(messages, Chance(seed))


def _generate(messages: int, chance: Chance) -> Iterator[bytes]:
    exams = catalogue.build(chance)
    for number, begin in enumerate(range(0, messages, MESSAGES)):
        size = min(MESSAGES, messages - begin)
        sent: dict[study.Sitting, bytes] = {}
        for sitting in study.arrivals(exams, number, size, chance):
            message = sent.get(sitting) or attempts.render(sitting, chance)
            if sitting.arrivals > 1:
                sent[sitting] = message
            yield message
