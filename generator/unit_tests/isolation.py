"""Isolation of one condition of an alert, so that a test fires it while the others are false.

A condition that becomes true after another one is not tested: the alert fires already. So an
incident is chosen by the burn rate arithmetic, in which the condition becomes true first by some
steps, after a quiet time longer than the longest window.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator.unit_tests.firing import Condition
from slos.schema.units import Duration

_ALL = Decimal(1)
_NONE = Decimal(0)
# Twice the threshold, or a little more if that is the threshold of another condition. Lower factors
# come last: the closer to a threshold, the further apart conditions become true.
_FACTORS = tuple(map(Decimal, ("2", "2.03", "2.07", "1.5", "1.37", "1.23", "1.1")))
_BETWEEN = tuple(map(Decimal, ("0.5", "0.55", "0.61", "0.43")))
_APART = Decimal("0.01")
# A check may be some steps late to avoid a step at which rounding decides.
_SPARE_STEPS = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """An incident: the error ratio before it, for as long as windows reach back, and during it."""

    before: Decimal
    share: Decimal


def trouble(
    one: Condition,
    every: Sequence[Condition],
    step: Duration,
    waits: int,
    shows: Callable[[Decimal], bool],
) -> Trouble:
    """Find the incident that only one of several conditions detects.

    If possible, half of the lowest threshold comes before it, so that a check of silence means
    something. A window that fills up more slowly than another needs a time without errors instead.

    Args:
        target: the condition to be tested.
        conditions: all conditions of its alert.
        step: the step of the course.
        pending_steps: steps for which the alert is pending before it fires.
        is_clear: checks that an alert shows an error ratio without ambiguity.
    """
    others = [each for each in every if each != one]
    possible = sorted(_possible(one, every), key=lambda found: not shows(found.share))
    for found in possible:
        first = steps_until(one, found, step)
        if first is None:
            continue
        until = first + waits + _SPARE_STEPS
        if all(_later(each, found, step, until) for each in others):
            return found
    # No incident isolates the condition, for instance with equal windows. Then the first condition
    # to become true is tested.
    return possible[0]


def steps_until(condition: Condition, found: Trouble, step: Duration) -> int | None:
    """Count the steps of an incident until a condition becomes true; None for never.

    A window of W steps has the ratio `before + (share - before) * n / W` after n of them.
    """
    if found.share <= condition.limit:
        return None
    if found.before > condition.limit:
        return 0
    missing = (condition.limit - found.before) / (found.share - found.before)
    return max(
        int(missing * (-(-window.ms // step.ms))) + 1
        for window in (condition.short, condition.long)
    )


def _possible(one: Condition, every: Sequence[Condition]) -> Iterator[Trouble]:
    shares = list(dict.fromkeys(_shares(one, every)))
    for before in (min(condition.limit for condition in every) / 2, _NONE):
        yield from (Trouble(before, share) for share in shares)


def _shares(one: Condition, every: Sequence[Condition]) -> Iterator[Decimal]:
    """List multiples of the threshold first, then values between it and the next threshold."""
    twice = [min(factor * one.limit, _ALL) for factor in _FACTORS]
    apart = [share for share in twice if all(_is_apart(share, each) for each in every)]
    yield from apart or twice[:1]
    higher = sorted({each.limit for each in every if each.limit > one.limit})
    for limit in higher[:1]:
        yield from (one.limit + (limit - one.limit) * part for part in _BETWEEN)


def _is_apart(share: Decimal, condition: Condition) -> bool:
    return abs(share - condition.limit) > _APART * condition.limit


def _later(other: Condition, found: Trouble, step: Duration, until: int) -> bool:
    first = steps_until(other, found, step)
    return first is None or first > until
