"""The month of the benchmark and its shapes of traffic."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

SCRAPE = 30 * SECOND
PERIOD = 30 * DAY
LEAD = 2 * HOUR
"""Data before the period starts, so that a method that looks too far back is seen."""

# Prometheus' largest block, 1458 h, starts here (2024-11-20 12:00 UTC). All data lies in one
# block, and promtool, which reads its whole input once for each block, reads it once.
BLOCK = 1_458 * HOUR
START = 330 * BLOCK
END = START + LEAD + PERIOD

MINUTES = (LEAD + PERIOD) // MINUTE
_A_DAY = DAY // MINUTE
_SCRAPES_A_MINUTE = MINUTE // SCRAPE
_BASE = 5e-4


def find_evaluation(phase: int, interval: int, *, end: int) -> int:
    """The last evaluation of a group at or before a moment."""
    return end - (end - phase) % interval


def get_hour_of_day(minute: int) -> float:
    """Hours since midnight, UTC, of a minute counted from the start."""
    return (START // HOUR + minute / 60) % 24


@dataclass(frozen=True, slots=True)
class Restart:
    """A process ends and its counters start anew; `is_down` for a whole minute, or at once."""

    minute: int
    is_down: bool


@dataclass(frozen=True, slots=True)
class InstanceLife:
    """Life of one instance, which has one counter of errors and one of all events.

    Attributes:
        first_minute: its first minute.
        restarts: in order.
        missed: scrapes that fail, counted from the start.
        troubles: minutes with an error share of their own.
        errors_on_demand: whether an error counter exists only from its first error on.
        error_codes: number of error counters.
        code_minutes: time for which errors have one code, before the next one takes over.
        is_replaced: whether a restart gives the instance a new name.
        renamed_at: minutes at which all labels of the instance change, in order.
        shows_start: whether it exposes `process_start_time_seconds`.
    """

    first_minute: int = 0
    restarts: tuple[Restart, ...] = ()
    missed: frozenset[int] = frozenset()
    troubles: tuple[tuple[range, float], ...] = ()
    errors_on_demand: bool = False
    error_codes: int = 1
    code_minutes: int = HOUR // MINUTE
    is_replaced: bool = False
    renamed_at: tuple[int, ...] = ()
    shows_start: bool = False


def _build_uneventful_life(_: int, __: Random) -> InstanceLife:
    return InstanceLife()


@dataclass(frozen=True, slots=True)
class TrafficShape:
    """Distribution of the traffic and the errors of a service over time.

    Attributes:
        description: one line for readers.
        traffic: events a second, in a minute counted from the start.
        share: of errors, in a minute.
        life: of the instance with this number.
        tolerance: the relative error that a right method may show; None where none is promised.
        minutes: length of the history.
        has_new_series: whether counters appear with their first events.
        has_missing_term: whether the errors are a sum with a metric that has no series.
    """

    name: str
    description: str
    traffic: Callable[[int], float]
    share: Callable[[int], float]
    life: Callable[[int, Random], InstanceLife] = _build_uneventful_life
    tolerance: float | None = 1e-3
    minutes: int = MINUTES
    has_new_series: bool = False
    has_missing_term: bool = False


def _find_minute(day: int, hour: float) -> int:
    """The minute at which an hour of some day begins; day 0 is the first whole one."""
    to_midnight = round((24 - get_hour_of_day(0)) * 60)
    return to_midnight + day * _A_DAY + round(hour * 60)


def _is_within(minute: int, start: int, length: int) -> bool:
    return start <= minute < start + length


_NIGHT_OUTAGES = tuple(_find_minute(day, hour) for day, hour in ((4, 1.5), (11, 2.25), (20, 0.75)))
_DAY_OUTAGES = tuple(_find_minute(day, hour) for day, hour in ((3, 10.2), (13, 15.7), (24, 19.1)))


def _is_night(minute: int) -> bool:
    return get_hour_of_day(minute) < 6


def _compute_day_and_night(minute: int) -> float:
    if _is_night(minute):
        return 0.4
    return 30 + 40 * math.sin((get_hour_of_day(minute) - 6) / 18 * math.pi)


def _build_outages(starts: tuple[int, ...], length: int, share: float) -> Callable[[int], float]:
    def compute_share(minute: int) -> float:
        hit = any(_is_within(minute, start, length) for start in starts)
        return share if hit else _BASE

    return compute_share


def _compute_spikes(minute: int) -> float:
    return 1_000 if minute % 487 < 2 else 20


def _compute_spike_errors(minute: int) -> float:
    return 0.02 if minute % (487 * 5) < 2 else _BASE


def _build_restarting_life(number: int, random: Random) -> InstanceLife:
    """Every six hours, one instance after the other; the first minutes fail more often."""
    first = 97 + number * 7 + random.randrange(5)
    minutes = range(first, MINUTES - 10, 360)
    restarts = tuple(
        Restart(minute, is_down=index % 2 == 1) for index, minute in enumerate(minutes)
    )
    return InstanceLife(
        restarts=restarts,
        troubles=tuple((range(r.minute, r.minute + 3), 0.02) for r in restarts),
    )


def _build_badly_scraped_life(_: int, random: Random) -> InstanceLife:
    """One scrape in fifty at random, and once a day two to five minutes in a row."""
    scrapes = MINUTES * _SCRAPES_A_MINUTE
    missed = {scrape for scrape in range(scrapes) if random.random() < 0.02}
    for _hole in range(MINUTES // _A_DAY):
        start = random.randrange(scrapes)
        missed.update(range(start, start + random.randrange(4, 11)))
    return InstanceLife(missed=frozenset(missed))


def _build_blind_start_life(number: int, random: Random) -> InstanceLife:
    """The same, and each outage begins with three minutes in which nothing is scraped."""
    missed = set(_build_badly_scraped_life(number, random).missed)
    for outage in _DAY_OUTAGES:
        start = outage * _SCRAPES_A_MINUTE
        missed.update(range(start, start + 3 * _SCRAPES_A_MINUTE))
    return InstanceLife(missed=frozenset(missed))


def _compute_office_hours(minute: int) -> float:
    """Nothing at all at night, nor on two days of seven."""
    weekend = (minute // _A_DAY) % 7 in (3, 4)
    return 0 if weekend or _is_night(minute) else 30


def _build_newcomer_life(number: int, _: Random) -> InstanceLife:
    """The first instance, and every fourth, comes in mid-period and is broken at first."""
    if number % 4:
        return InstanceLife()
    born = _find_minute(13, 9.4)
    broken = (range(born, born + 20), 0.2)
    return InstanceLife(first_minute=born, troubles=(broken,), errors_on_demand=True)


def _build_birth_life(_: int, __: Random) -> InstanceLife:
    """The counters of ten error codes appear with the first error of each."""
    return InstanceLife(
        errors_on_demand=True, error_codes=10, code_minutes=3 * _A_DAY, shows_start=True
    )


def _build_churn_life(number: int, random: Random) -> InstanceLife:
    """A new pod every day; counters of five codes appear with the first error of each."""
    first = 97 + number * 7 + random.randrange(5)
    restarts = tuple(
        Restart(minute, is_down=False) for minute in range(first, MINUTES - 10, _A_DAY)
    )
    return InstanceLife(
        restarts=restarts,
        errors_on_demand=True,
        error_codes=5,
        is_replaced=True,
        shows_start=True,
    )


def _build_relabelled_life(_: int, __: Random) -> InstanceLife:
    """All series get other labels on two days, and their counters go on."""
    renamed = (_find_minute(9, 10.3), _find_minute(19, 15.8))
    return InstanceLife(renamed_at=renamed, shows_start=True)


_GAPS = tuple(
    (_find_minute(day, hour), length)
    for day, hour, length in (
        (2, 9.13, 8), (5, 14.37, 15), (8, 3.61, 25), (11, 17.02, 40),
        (16, 11.9, 55), (21, 22.45, 40), (25, 6.2, 15),
    )
)  # fmt: skip
"""Scrape gaps: their first minutes, and their lengths in minutes."""


def _find_missed_scrapes() -> frozenset[int]:
    return frozenset(
        scrape
        for start, length in _GAPS
        for scrape in range(start * _SCRAPES_A_MINUTE, (start + length) * _SCRAPES_A_MINUTE)
    )


def _build_gap_life(_: int, __: Random) -> InstanceLife:
    return InstanceLife(missed=_find_missed_scrapes())


def _build_timeout_life(number: int, _: Random) -> InstanceLife:
    """Every third instance fails in each gap, and only its scrapes fail."""
    if number % 3:
        return InstanceLife()
    troubles = tuple((range(start, start + length), 0.3) for start, length in _GAPS)
    return InstanceLife(missed=_find_missed_scrapes(), troubles=troubles)


SHAPES = (
    TrafficShape(
        "steady",
        "50 events a second, the same share of errors throughout",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
    ),
    TrafficShape(
        "quiet nights",
        "busy days, 0.4 events a second at night; 40 % errors in 3 nights for 2.5 h",
        traffic=_compute_day_and_night,
        share=_build_outages(_NIGHT_OUTAGES, 150, 0.4),
    ),
    TrafficShape(
        "spikes",
        "50 times the traffic for 2 minutes three times a day, every fifth with 2 % errors",
        traffic=_compute_spikes,
        share=_compute_spike_errors,
    ),
    TrafficShape(
        "restarts",
        "each instance restarts every 6 h, every other time with a minute down; "
        "2 % errors right after",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
        life=_build_restarting_life,
    ),
    TrafficShape(
        "missed scrapes",
        "2 % of the scrapes fail, and once a day 2 to 5 minutes in a row; 3 outages of 50 minutes",
        traffic=lambda _: 50,
        share=_build_outages(_DAY_OUTAGES, 50, 0.2),
        life=_build_badly_scraped_life,
    ),
    TrafficShape(
        "blind at first",
        "the same, and each outage begins with 3 minutes in which no scrape succeeds",
        traffic=lambda _: 50,
        share=_build_outages(_DAY_OUTAGES, 50, 0.2),
        life=_build_blind_start_life,
        tolerance=None,
    ),
    TrafficShape(
        "gaps in outages",
        "7 outages of 50 minutes; nothing is scraped for their first 8 to 55 minutes",
        traffic=lambda _: 50,
        share=_build_outages(tuple(start for start, _ in _GAPS), 50, 0.2),
        life=_build_gap_life,
    ),
    TrafficShape(
        "gaps alone",
        "the same gaps without outages",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
        life=_build_gap_life,
    ),
    TrafficShape(
        "a replica times out",
        "every third instance fails and cannot be scraped, for 8 to 55 minutes 7 times",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
        life=_build_timeout_life,
    ),
    TrafficShape(
        "idle hours",
        "no traffic at night and on two days a week; 3 outages of 50 minutes by day",
        traffic=_compute_office_hours,
        share=_build_outages(_DAY_OUTAGES, 50, 0.2),
    ),
    TrafficShape(
        "born mid-period",
        "the first and every fourth instance appear on day 14, broken for 20 minutes",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
        life=_build_newcomer_life,
        tolerance=2e-2,
    ),
    TrafficShape(
        "births",
        "the counters of 10 error codes appear, one every 3 days, with the first error of each",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
        life=_build_birth_life,
        has_new_series=True,
    ),
    TrafficShape(
        "churn",
        "new pods every day, whose counters of 5 error codes appear with the first error of each",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
        life=_build_churn_life,
        has_new_series=True,
    ),
    TrafficShape(
        "relabelling",
        "twice all series get other labels while their counters go on",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
        life=_build_relabelled_life,
    ),
    TrafficShape(
        "young history",
        "the first 3 days of a service",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
        minutes=3 * _A_DAY,
    ),
    TrafficShape(
        "missing operand",
        "the errors are a sum of two metrics, one of which has no series yet",
        traffic=lambda _: 50,
        share=lambda _: _BASE,
        has_missing_term=True,
    ),
)
