"""How to try one condition of an alert while none of its others can hold.

A condition that comes true after another one would be tried by nobody: the alert fires all the
same. So the trouble is chosen, by the burn arithmetic, such that the one comes first by far enough,
after more quiet than the longest window of the alert looks back on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator.unit_tests.firing import Condition
from slos.schema.units import Duration

_ALL = Decimal(1)
_NONE = Decimal(0)
# Twice a threshold, or a little more where that happens to be another condition's threshold. Less
# only where it must be: the nearer to a threshold, the further apart conditions come true.
_FACTORS = tuple(map(Decimal, ("2", "2.03", "2.07", "1.5", "1.37", "1.23", "1.1")))
_BETWEEN = tuple(map(Decimal, ("0.5", "0.55", "0.61", "0.43")))
_APART = Decimal("0.01")
# A check may be some steps late, where rounding would decide it.
_SPARE_STEPS = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """A share of errors for as long as windows look back, and the share from then on."""

    before: Decimal
    share: Decimal


def trouble(
    one: Condition,
    every: Sequence[Condition],
    step: Duration,
    waits: int,
    shows: Callable[[Decimal], bool],
) -> Trouble:
    """The trouble that only one of some conditions can see.

    At best half of the lowest threshold comes before, so that silence there is seen as well; a
    window that fills up more slowly than the one's needs a clean past instead.

    Args:
        one: the condition to be tried.
        every: all conditions of its alert.
        step: of the course.
        waits: steps that the alert has to be pending before it fires.
        shows: whether an alert says clearly what it should of a share.
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
    # Nothing tells them apart, such as where both are about the same windows: whichever comes
    # first is seen then, the one or its like.
    return possible[0]


def steps_until(condition: Condition, found: Trouble, step: Duration) -> int | None:
    """After how many steps of trouble a condition comes true; None for never.

    A window of W steps holds `before + (share - before) * n / W` after n of them.
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
    """Multiples of the threshold first, then what lies between it and the next one."""
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
