"""Synthetic messages with the figures of the published study, and without personal data."""

from collections.abc import Iterator

from sample import attempts, catalogue, study
from sample.rng import Rng

__all__ = ["MESSAGES", "SEED", "generate"]

MESSAGES = study.MESSAGES
SEED = 20180128


def generate(messages: int = MESSAGES, seed: int = SEED) -> Iterator[bytes]:
    """Yield messages like those of the course-assessment export, without line ends.

    They are the same on every machine and Python version. A sample of whole studies is the
    beginning of every longer one; memory does not grow with the number of messages.

    Args:
        messages: number of messages, at least 1. Every 3,280 are a study of ten weeks: the first
            begins on 2017-11-21, the fortieth on 2025-05-13, the next on 2017-11-21 again. A part
            of a study has the same proportions as the whole, as far as possible.
        seed: another seed gives other ids, difficulties, answers and times, but the same figures.

    Raises:
        ValueError: `messages` is less than 1.
    """
    if messages < 1:
        raise ValueError(f"messages is {messages}: ask for at least 1")
    return _generate(messages, Rng(seed))


def _generate(messages: int, rng: Rng) -> Iterator[bytes]:
    exams = catalogue.build(rng)
    for number, begin in enumerate(range(0, messages, MESSAGES)):
        size = min(MESSAGES, messages - begin)
        sent: dict[study.Sitting, bytes] = {}
        for sitting in study.arrivals(exams, number, size, rng):
            message = sent.get(sitting) or attempts.render(sitting, rng)
            if sitting.arrivals > 1:
                sent[sitting] = message
            yield message
