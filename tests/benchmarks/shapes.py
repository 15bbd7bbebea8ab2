"""Traffic over a month, as the world makes it: what each shape of traffic looks like."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.benchmarks.timeline import DAY, LEAD, MINUTE, PERIOD, SCRAPE, of_day

MINUTES = (LEAD + PERIOD) // MINUTE
_A_DAY = DAY // MINUTE
_SCRAPES_A_MINUTE = MINUTE // SCRAPE
_BASE = 5e-4


@dataclass(frozen=True, slots=True)
class Restart:
    """A process ends and its counters start anew; `down` for a whole minute, or at once."""

    minute: int
    down: bool


@dataclass(frozen=True, slots=True)
class Life:
    """What befalls one instance, which has one counter of errors and one of all events.

    Attributes:
        born: its first minute.
        restarts: in order.
        missed: scrapes that fail, counted from the start.
        troubles: minutes with an error share of their own.
        errors_on_demand: whether the error counter exists only from its first error on.
    """

    born: int = 0
    restarts: tuple[Restart, ...] = ()
    missed: frozenset[int] = frozenset()
    troubles: tuple[tuple[range, float], ...] = ()
    errors_on_demand: bool = False


def _nothing_special(_: int, __: Random) -> Life:
    return Life()


@dataclass(frozen=True, slots=True)
class Shape:
    """How traffic and errors of a service are spread.

    Attributes:
        says: one line for readers.
        traffic: events a second, in a minute counted from the start.
        share: of errors, in a minute.
        life: of the instance with this number.
        tolerance: the relative error that a right method may show; None where none is promised.
    """

    name: str
    says: str
    traffic: Callable[[int], float]
    share: Callable[[int], float]
    life: Callable[[int, Random], Life] = _nothing_special
    tolerance: float | None = 1e-3


def _on_day(day: int, hour: float) -> int:
    """The minute at which an hour of some day begins; day 0 is the first whole one."""
    to_midnight = round((24 - of_day(0)) * 60)
    return to_midnight + day * _A_DAY + round(hour * 60)


def _within(minute: int, start: int, length: int) -> bool:
    return start <= minute < start + length


_NIGHT_OUTAGES = tuple(_on_day(day, hour) for day, hour in ((4, 1.5), (11, 2.25), (20, 0.75)))
_DAY_OUTAGES = tuple(_on_day(day, hour) for day, hour in ((3, 10.2), (13, 15.7), (24, 19.1)))


def _is_night(minute: int) -> bool:
    return of_day(minute) < 6


def _day_and_night(minute: int) -> float:
    if _is_night(minute):
        return 0.4
    return 30 + 40 * math.sin((of_day(minute) - 6) / 18 * math.pi)


def _outages(starts: tuple[int, ...], length: int, share: float) -> Callable[[int], float]:
    def at(minute: int) -> float:
        hit = any(_within(minute, start, length) for start in starts)
        return share if hit else _BASE

    return at


def _spikes(minute: int) -> float:
    return 1_000 if minute % 487 < 2 else 20


def _spike_errors(minute: int) -> float:
    return 0.02 if minute % (487 * 5) < 2 else _BASE


def _restarting(number: int, random: Random) -> Life:
    """Every six hours, one instance after the other; the first minutes fail more often."""
    first = 97 + number * 7 + random.randrange(5)
    minutes = range(first, MINUTES - 10, 360)
    restarts = tuple(Restart(minute, down=index % 2 == 1) for index, minute in enumerate(minutes))
    return Life(
        restarts=restarts,
        troubles=tuple((range(r.minute, r.minute + 3), 0.02) for r in restarts),
    )


def _badly_scraped(_: int, random: Random) -> Life:
    """One scrape in fifty at random, and once a day two to five minutes in a row."""
    scrapes = MINUTES * _SCRAPES_A_MINUTE
    missed = {scrape for scrape in range(scrapes) if random.random() < 0.02}
    for _hole in range(MINUTES // _A_DAY):
        start = random.randrange(scrapes)
        missed.update(range(start, start + random.randrange(4, 11)))
    return Life(missed=frozenset(missed))


def _blind_at_first(number: int, random: Random) -> Life:
    """The same, and each outage begins with three minutes in which nothing is scraped."""
    missed = set(_badly_scraped(number, random).missed)
    for outage in _DAY_OUTAGES:
        start = outage * _SCRAPES_A_MINUTE
        missed.update(range(start, start + 3 * _SCRAPES_A_MINUTE))
    return Life(missed=frozenset(missed))


def _office_hours(minute: int) -> float:
    """Nothing at all at night, nor on two days of seven."""
    weekend = (minute // _A_DAY) % 7 in (3, 4)
    return 0 if weekend or _is_night(minute) else 30


def _newcomer(number: int, _: Random) -> Life:
    """The first instance, and every fourth, comes in mid-period and is broken at first."""
    if number % 4:
        return Life()
    born = _on_day(13, 9.4)
    broken = (range(born, born + 20), 0.2)
    return Life(born=born, troubles=(broken,), errors_on_demand=True)


SHAPES = (
    Shape(
        "steady",
        "50 events a second, the same share of errors throughout",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
    ),
    Shape(
        "quiet nights",
        "busy days, 0.4 events a second at night; 40 % errors in 3 nights for 2.5 h",
        traffic=_day_and_night,
        share=_outages(_NIGHT_OUTAGES, 150, 0.4),
    ),
    Shape(
        "spikes",
        "50 times the traffic for 2 minutes three times a day, every fifth with 2 % errors",
        traffic=_spikes,
        share=_spike_errors,
    ),
    Shape(
        "restarts",
        "each instance restarts every 6 h, every other time with a minute down; "
        "2 % errors right after",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
        life=_restarting,
    ),
    Shape(
        "missed scrapes",
        "2 % of the scrapes fail, and once a day 2 to 5 minutes in a row; 3 outages of 50 minutes",
        traffic=lambda _: 50,
        share=_outages(_DAY_OUTAGES, 50, 0.2),
        life=_badly_scraped,
    ),
    Shape(
        "blind at first",
        "the same, and each outage begins with 3 minutes in which no scrape succeeds",
        traffic=lambda _: 50,
        share=_outages(_DAY_OUTAGES, 50, 0.2),
        life=_blind_at_first,
        tolerance=None,
    ),
    Shape(
        "idle hours",
        "no traffic at night and on two days a week; 3 outages of 50 minutes by day",
        traffic=_office_hours,
        share=_outages(_DAY_OUTAGES, 50, 0.2),
    ),
    Shape(
        "born mid-period",
        "the first and every fourth instance appear on day 14, broken for 20 minutes",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
        life=_newcomer,
        tolerance=2e-2,
    ),
)
