"""Many tests at once: what each p is worth when a whole family was tried."""

from collections.abc import Sequence


def adjusted(ps: Sequence[float]) -> list[float]:
    """Holm's step-down: below a level is then wrong in any of them at most that often.

    It holds however the tests depend on each other, and signals of one process do.
    """
    raised = [0.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        raised[index] = highest
    return raised
