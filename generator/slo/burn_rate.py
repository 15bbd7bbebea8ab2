"""Burn rates: windows, factors, budget arithmetic and evaluation steps."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

from generator.model import SLO, AlertMeta, BurnCondition, Engine, Steps, Window, Windows
from slos.schema.alerting import AlertWindows, BurnWindow, SpeedWindows
from slos.schema.units import Duration, format_decimal

_DAY = Duration.from_parts(days=1)
_WORKBOOK_PERIOD = Duration.from_parts(days=30)
# A quarter: the burn rates and windows of the month, so that an outage pages in as many minutes;
# they take a third of the share of a budget three times as large.
_QUARTER = Windows(
    page=(
        Window(Decimal(2) / 3, Duration.parse("5m"), Duration.parse("1h")),
        Window(Decimal(5) / 3, Duration.parse("30m"), Duration.parse("6h")),
    ),
    ticket=(
        Window(Decimal(10) / 3, Duration.parse("2h"), Duration.parse("1d")),
        Window(Decimal(10) / 3, Duration.parse("6h"), Duration.parse("3d")),
    ),
)

ERROR_SHARES = tuple(map(Decimal, ("1", "0.1", "0.01")))
"""Shares of errors for which `slo-rules explain` shows the alert delay."""
_MINUTE_MS = 60_000

_DEFAULT_FINE_STEP = Duration.from_parts(minutes=1)
# Fine steps in the shortest window: enough that one step more or less makes no difference.
_STEPS_IN_SHORTEST = 5
_MIN_STEPS_IN_WINDOW = 2
# A period of 30 days has 4,320 coarse steps, which two rules read every few minutes.
_FINE_IN_COARSE = 10
# Remote write and agents are a few seconds behind, and up to some minutes after a restart.
_LATE_SAMPLES = Duration.from_parts(minutes=3)
# An instant query looks back five minutes for a sample; less frequent series would have gaps.
_MAX_SLOW_INTERVAL = Duration.from_parts(minutes=4)
# vmalert evaluates a group somewhere within its interval, and 30 seconds late, for the time at
# which the interval began. So the newest sample may be older than two intervals.
_MAX_ALIGNED_INTERVAL = Duration.from_parts(minutes=2)


def _parse_window(percent: str, short: str, long: str) -> Window:
    return Window(Decimal(percent), Duration.parse(short), Duration.parse(long))


# SRE Workbook, table 5-8: 2 % in 1 h, 5 % in 6 h, 10 % in 3 d; 10 % in 1 d as Sloth adds it.
_WORKBOOK = Windows(
    page=(_parse_window("2", "5m", "1h"), _parse_window("5", "30m", "6h")),
    ticket=(_parse_window("10", "2h", "1d"), _parse_window("10", "6h", "3d")),
)
# A week has a quarter of the budget, so the same hour takes a larger share of it; the shares
# are those of Sloth's example windows for 7 days.
_WEEK = Windows(
    page=(_parse_window("8", "5m", "1h"), _parse_window("12.5", "30m", "6h")),
    ticket=(_parse_window("20", "2h", "1d"), _parse_window("42", "6h", "3d")),
)
_WINDOWS_BY_PERIOD = {
    _DAY * 7: _WEEK,
    _DAY * 28: _WORKBOOK,
    _DAY * 30: _WORKBOOK,
    _DAY * 90: _QUARTER,
}


def choose_windows(period: Duration, scrape: Duration) -> Windows:
    """Alert windows of a period: from the table, else the workbook's scaled to the period.

    A scaled window is at least two scrapes long, as `rate` needs two samples. The burn rates
    are always the workbook's.
    """
    known = _WINDOWS_BY_PERIOD.get(period)
    if known:
        return known

    def scale_window(window: Window) -> Window:
        short = _scale_length(window.short, period, at_least=scrape * 2)
        long = _scale_length(window.long, period, at_least=short * 2)
        # The burn rate stays; a longer window at that rate spends a larger share.
        percent = 100 * compute_burn_factor(window, _WORKBOOK_PERIOD) * long.ms / period.ms
        return Window(percent, short, long)

    quick, slow = _WORKBOOK.page
    day, days = _WORKBOOK.ticket
    return Windows(
        (scale_window(quick), scale_window(slow)), (scale_window(day), scale_window(days))
    )


def compute_burn_factor(window: Window, period: Duration) -> Decimal:
    """Burn rate that spends `percent` of the budget within `long`: percent x period / long."""
    return window.percent * period.ms / 100 / window.long.ms


def limit_burn_factor(factor: Decimal, budget: Decimal) -> Decimal:
    """Limit a burn-rate factor to the highest one, with one decimal, that can be exceeded.

    The error ratio never exceeds 1, so a threshold `factor * budget` of 1 or more never fires.
    The result keeps `factor * budget` below 1.
    """
    if factor * budget < 1:
        return factor
    tenths = (10 / budget).to_integral_value(ROUND_CEILING) - 1
    return tenths / 10


def _scale_length(length: Duration, period: Duration, *, at_least: Duration) -> Duration:
    exact = length.ms * period.ms // _WORKBOOK_PERIOD.ms
    unit = 60_000 if exact >= 300_000 else 1_000  # noqa: PLR2004 - whole minutes from 5m on
    return max(Duration(round(exact / unit) * unit), at_least)


def compute_budget_spent(slo: SLO, condition: BurnCondition) -> Decimal:
    """Share of the budget, 0 to 1, that is spent when a condition becomes true.

    Burning at rate B for a long window W of a period P takes B x W / P (SRE Workbook, ch. 5).
    """
    return condition.factor * condition.long.ms / slo.period.ms


def compute_detection_time(slo: SLO, condition: BurnCondition, share: Decimal) -> Duration | None:
    """Time from the first error until a condition becomes true; None for never.

    With a share E of errors, the error ratio of a window W is E x t / W after t, so it exceeds
    the threshold B x b (b the budget) at t = W x B x b / E. The long window is the later one.
    """
    threshold = condition.factor * slo.budget
    if share <= threshold:
        return None
    return Duration(int(condition.long.ms * threshold / share))


def compute_alert_delay(
    slo: SLO, condition: BurnCondition, share: Decimal, hold: Duration | None
) -> Duration | None:
    """Time from the first error to the alert, `for` included; whole minutes from 10 minutes on."""
    detection_time = compute_detection_time(slo, condition, share)
    if detection_time is None:
        return None
    seconds = max(detection_time, slo.steps.fine).ms // 1000 * 1000
    delay = seconds if seconds < 10 * _MINUTE_MS else seconds // _MINUTE_MS * _MINUTE_MS
    return Duration(delay + (hold.ms if hold else 0))


def compute_outage_budget(slo: SLO) -> Duration:
    """Time in which a full outage spends the whole budget, in whole seconds."""
    return Duration(int(slo.period.ms * slo.budget) // 1000 * 1000)


def compute_exhaustion_time(slo: SLO, factor: Decimal) -> Duration:
    """Time in which a burn rate spends the whole budget, in whole minutes."""
    return Duration(int(slo.period.ms / factor) // _MINUTE_MS * _MINUTE_MS)


def describe_allowed_events(slo: SLO) -> str:
    """Text for the number of events that may fail, of those the spec expects or of a million."""
    if slo.expected_events is None:
        return f"{slo.budget * 1_000_000:,.0f} events of a million"
    events = format_decimal(slo.budget * slo.expected_events, 1)
    return f"{events} of the {slo.expected_events:,} events expected in a period"


def describe_timing(meta: AlertMeta) -> str:
    """Describe what an alert waits for besides its threshold, each after a comma."""
    parts = (
        (meta.min_events, f"at {meta.min_events} events or more"),
        (meta.min_errors, f"at {meta.min_errors} bad events or more"),
        (meta.for_, f"for {meta.for_}"),
        (meta.keep_firing_for, f"kept for {meta.keep_firing_for}"),
    )
    return "".join(f", {text}" for value, text in parts if value)


def choose_steps(
    scrape: Duration,
    windows: Iterable[Duration],
    *,
    delay: Duration,
    max_gap: Duration,
    engine: Engine = Engine.PROMETHEUS,
) -> Steps:
    """Choose the steps of an SLO.

    The fine step is one minute; less where alert windows are short, never less than a scrape.
    Delays are whole fine steps. The coarse tier waits for late samples in any case, since a budget
    may be a few minutes old, and one scrape more, because a sample has the time at which its
    scrape began.
    """
    fine = choose_fine_step(scrape, sorted(windows))
    is_aligned = engine is Engine.VICTORIA_METRICS
    longest = _MAX_ALIGNED_INTERVAL if is_aligned else _MAX_SLOW_INTERVAL
    slow = max(min(fine * 4, longest), fine)
    return Steps(
        scrape=scrape,
        fine=fine,
        coarse=fine * _FINE_IN_COARSE,
        slow=slow,
        delay=_round_up(delay, fine),
        coarse_delay=_round_up(max(delay, min(_LATE_SAMPLES, fine * 3)), fine) + scrape,
        max_gap=max_gap,
    )


def _round_up(length: Duration, step: Duration) -> Duration:
    return step * -(-length.ms // step.ms)


def choose_fine_step(scrape: Duration, windows: Sequence[Duration]) -> Duration:
    """Choose the shortest step, up to twice the minimum, that divides every window.

    It is the minimum where no step does; a window then covers every step that it touches.
    """
    shortest = windows[0].ms
    least = max(min(_DEFAULT_FINE_STEP.ms, shortest // _STEPS_IN_SHORTEST), scrape.ms)
    whole_seconds = (
        shortest // number
        for number in range(shortest // least, max(1, shortest // (2 * least) - 1), -1)
        if shortest % (number * 1000) == 0
    )
    for step in (least, *whole_seconds):
        if all(window.ms % step == 0 for window in windows):
            return Duration(step)
    return Duration(least)


@lru_cache(maxsize=64)
def choose_rounded_windows(period: Duration, scrape: Duration) -> Windows:
    """Alert windows of a period, in whole fine steps."""
    return round_windows(choose_windows(period, scrape), scrape)


def round_windows(windows: Windows, scrape: Duration) -> Windows:
    """Round built-in windows to whole fine steps; their burn rates stay the same."""
    pairs = (*windows.page, *windows.ticket)
    lengths = sorted({length for pair in pairs for length in (pair.short, pair.long)})
    fine = choose_fine_step(scrape, lengths)
    if all(length.ms % fine.ms == 0 for length in lengths):
        return windows

    def round_length(length: Duration) -> Duration:
        return fine * max(_MIN_STEPS_IN_WINDOW, round(length.ms / fine.ms))

    def round_window(window: Window) -> Window:
        long = round_length(window.long)
        return Window(window.percent * long.ms / window.long.ms, round_length(window.short), long)

    quick, slow, day, days = map(round_window, pairs)
    return Windows((quick, slow), (day, days))


def to_windows(spec: AlertWindows) -> Windows:
    """Convert the alert windows of a spec."""
    return Windows(page=_to_window_pair(spec.page), ticket=_to_window_pair(spec.ticket))


def _to_window_pair(speeds: SpeedWindows) -> tuple[Window, Window]:
    return _to_window(speeds.quick), _to_window(speeds.slow)


def _to_window(window: BurnWindow) -> Window:
    return Window(window.error_budget_percent, window.short_window, window.long_window)
