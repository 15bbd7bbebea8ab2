"""Holm correction of p-values for multiple tests."""

from collections.abc import Sequence


def adjusted(ps: Sequence[float]) -> list[float]:
    """Adjust p-values by Holm's step-down method.

    A level then bounds the probability of any false positive among all tests. It holds for
    dependent tests, and the signals of one process are dependent.
    """
    raised = [0.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        raised[index] = highest
    return raised
