"""Test cases of counter histories: bursts, scrapes between evaluations, restarts."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from generator import names
from generator.model import SLO
from generator.outputs.tests import recorded_cases
from generator.outputs.tests.evaluator import SteadySeries
from generator.outputs.tests.promtool_file import InputSeries, UnitTestCase, ValueCheck
from generator.outputs.tests.recorded_cases import CountedEvents
from generator.rules import increments
from slos.schema.units import Duration

# Parts of a scrape interval: the newest sample is an interval less one part old.
_SCRAPE_PARTS = (6, 5, 4)
# Counter values in units of a coarse step's events: after a settled burst, and after a new one.
_SETTLED_BURST, _BOTH_BURSTS = 3, 4


def build_history_cases(
    slo: SLO, series: Sequence[SteadySeries], counted: CountedEvents
) -> Iterator[UnitTestCase]:
    """Build the cases, for an SLO that counts increments."""
    yield _build_burst_case(slo, series, counted)
    yield _build_early_burst_case(slo, series, counted)
    if slo.steps.fine.ms % slo.steps.scrape.ms == 0:
        for parts in [each for each in _SCRAPE_PARTS if slo.steps.scrape.ms % each == 0][:1]:
            yield _build_off_beat_case(slo, series, counted, parts, is_late=False)
            yield _build_off_beat_case(slo, series, counted, parts, is_late=True)
        yield _build_restart_case(slo, series, counted)


def _build_burst_case(
    slo: SLO, series: Sequence[SteadySeries], counted: CountedEvents
) -> UnitTestCase:
    """Build a case with all events of a coarse step at one scrape: they are counted once."""
    fine, coarse, scrape = slo.steps.fine, slo.steps.coarse, slo.steps.scrape
    # One scrape before a step ends: a range that is a scrape too long sees it in two steps.
    step = coarse * 2
    before = step.ms // scrape.ms - 1
    multiples = [Decimal(0)] * before + [coarse.seconds] * (2 * before)
    step_total = recorded_cases.compute_step_factor(slo, coarse)
    expected = [
        (coarse, step + fine, step_total),
        (coarse, step + coarse + fine, Decimal(0)),
    ]
    if fine.ms % scrape.ms == 0:
        # Until here, the range of a step contains both samples around the burst.
        seen = increments.compute_range(fine, scrape).ms - 2 * scrape.ms
        expected.append((fine, step + fine * (seen // fine.ms + 1), Decimal(0)))
    checks = _build_history_checks(slo, counted, expected)
    checks += recorded_cases.check_coarse_sums(
        slo, counted, step_total, step + coarse + fine + compute_lateness(slo, coarse)
    )
    if slo.signal.histogram:
        window = slo.windows[0]
        # Until here, the range contains both samples around the burst; two thirds of it do not.
        range_ = max(window, increments.compute_range(fine, scrape))
        seen = max(0, -(-(range_.ms - 2 * scrape.ms) // fine.ms) - 1)
        metric = names.select_series(names.name_latency_quantile(window), slo)
        delay = slo.steps.delay
        checks += recorded_cases.check_quantiles(slo, series, step + fine * seen + delay)
        checks.append(ValueCheck(step + window + fine + delay, metric, ()))
    input_series = tuple(_scale_series(each, multiples) for each in series)
    return UnitTestCase("a burst is counted once", scrape, fine, input_series, tuple(checks))


def _build_early_burst_case(
    slo: SLO, series: Sequence[SteadySeries], counted: CountedEvents
) -> UnitTestCase:
    """Build a case with all events at a scrape just after a coarse step has begun."""
    fine, coarse, scrape = slo.steps.fine, slo.steps.coarse, slo.steps.scrape
    before = (coarse + fine * 2).ms // scrape.ms - 1
    multiples = [Decimal(0)] * before + [coarse.seconds] * (3 * coarse.ms // scrape.ms)
    step_total = recorded_cases.compute_step_factor(slo, coarse)
    expected = [
        (coarse, coarse + fine, Decimal(0)),
        (coarse, coarse * 2 + fine, step_total),
        (coarse, coarse * 3 + fine, Decimal(0)),
    ]
    input_series = tuple(_scale_series(each, multiples) for each in series)
    checks = tuple(_build_history_checks(slo, counted, expected))
    return UnitTestCase("a burst early in a step", scrape, fine, input_series, checks)


def _build_off_beat_case(
    slo: SLO,
    series: Sequence[SteadySeries],
    counted: CountedEvents,
    parts: int,
    *,
    is_late: bool,
) -> UnitTestCase:
    """Build a case with scrapes between evaluations: a burst just inside the range, and a new one.

    The coarse tier leaves the newest sample to its next step. The fine tier reads it. The counter
    was zero before, so a rate alone would be too low. Coarse steps begin when the first sample is
    read, one fine step later if `is_late`, so that the coarse tier reads the newest sample too.
    """
    fine, coarse, scrape = slo.steps.fine, slo.steps.coarse, slo.steps.scrape
    check_time = coarse + fine * 2
    part = Duration(scrape.ms // parts)
    age = scrape.ms - part.ms
    steps_seen = (increments.compute_range(fine, scrape).ms - age) // scrape.ms
    newest = (check_time.ms - age - part.ms) // scrape.ms
    oldest = newest - steps_seen + 1
    in_fine = fine.ms // scrape.ms
    unscraped = in_fine * (2 if is_late else 1) - 1
    multiples = [
        *[None] * unscraped,
        *[Decimal(0)] * (oldest - unscraped),
        *[_SETTLED_BURST * coarse.seconds] * (newest - oldest),
        *[_BOTH_BURSTS * coarse.seconds] * (1 + in_fine),
    ]
    spread_multiples: list[Decimal | None] = [None] * (len(multiples) * parts)
    spread_multiples[1::parts] = multiples
    step_total = recorded_cases.compute_step_factor(slo, coarse)
    expected = [
        (fine, check_time, step_total * _BOTH_BURSTS * fine.ms / (steps_seen * scrape.ms)),
        (coarse, check_time, step_total * (_SETTLED_BURST if steps_seen > 1 else 0)),
    ]
    if is_late:
        expected = [(coarse, check_time + fine, step_total * _BOTH_BURSTS)]
    input_series = tuple(_scale_series(each, spread_multiples) for each in series)
    checks = tuple(_build_history_checks(slo, counted, expected))
    name = f"scrapes between evaluations{', one step later' if is_late else ''}"
    return UnitTestCase(name, part, fine, input_series, checks)


def _build_restart_case(
    slo: SLO, series: Sequence[SteadySeries], counted: CountedEvents
) -> UnitTestCase:
    """Build a case with equal counts at every scrape across restarts: no event is lost.

    The first restart is among missed scrapes. The counter passes its old value before the check.
    """
    fine, scrape = slo.steps.fine, slo.steps.scrape
    in_coarse, in_fine = slo.steps.coarse.ms // scrape.ms, fine.ms // scrape.ms
    before_restart = max(2, in_coarse // 4)
    first_check = 2 * in_coarse + in_fine
    second_restart = first_check + in_fine
    second_check = first_check + in_coarse
    missed = first_check - 1 - in_coarse - before_restart
    counters: list[Decimal | None] = [
        *map(Decimal, range(before_restart + 1)),
        *[None] * missed,
        *map(Decimal, range(1, second_restart - before_restart - missed)),
        *map(Decimal, range(1, second_check - second_restart + 2)),
    ]
    multiples = [None if each is None else each * scrape.seconds for each in counters]
    of_coarse = recorded_cases.compute_step_factor(slo, slo.steps.coarse)
    expected = [
        (slo.steps.coarse, scrape * first_check, of_coarse),
        (fine, scrape * (second_restart + in_fine), recorded_cases.compute_step_factor(slo, fine)),
        (slo.steps.coarse, scrape * second_check, of_coarse),
    ]
    input_series = tuple(_scale_series(each, multiples) for each in series)
    checks = tuple(_build_history_checks(slo, counted, expected))
    return UnitTestCase("restarts lose nothing", scrape, fine, input_series, checks)


def _scale_series(series: SteadySeries, multiples: Sequence[Decimal | None]) -> InputSeries:
    """Build a series of multiples of its own rate."""
    values = [None if value is None else value * series.rate for value in multiples]
    return InputSeries(names.format_series(series.metric, series.labels), values)


def _build_history_checks(
    slo: SLO, counted: CountedEvents, expected: Sequence[tuple[Duration, Duration, Decimal]]
) -> list[ValueCheck]:
    return [
        check
        for tier, eval_time, factor in expected
        for check in recorded_cases.check_tiers(
            slo, counted, tier, factor, eval_time + compute_lateness(slo, tier)
        )
    ]


def compute_lateness(slo: SLO, tier: Duration) -> Duration:
    """Time by which a tier reads samples later than if they all arrived within one scrape."""
    if tier == slo.steps.fine:
        return slo.steps.delay
    return Duration(slo.steps.coarse_delay.ms - slo.steps.scrape.ms)
