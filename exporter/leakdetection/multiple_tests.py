"""Correction of p-values for multiple tests. It needs no extra."""

from collections.abc import Sequence


def adjust_p_values(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values by Holm's step-down method.

    A level then bounds the probability of any false positive among all tests. It holds for
    dependent tests, and the signals of one process are dependent.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
