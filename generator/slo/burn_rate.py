"""Windows, factors, budget arithmetic, evaluation steps."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal

from generator.model import SLO, BurnCondition, Steps, Window, Windows
from slos.schema.alerting import AlertWindows, BurnWindow, SpeedWindows
from slos.schema.units import Duration, plain

_DAY = Duration.of(days=1)
_WORKBOOK_PERIOD = Duration.of(days=30)
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

SHARES = tuple(map(Decimal, ("1", "0.1", "0.01")))
"""Shares of errors for which `slo-rules explain` shows the alert delay."""
_MINUTE = 60_000

_FINE = Duration.of(minutes=1)
# Fine steps in the shortest window: enough that one step more or less makes no difference.
_STEPS_IN_SHORTEST = 5
_STEPS_AT_LEAST = 2
# A period of 30 days has 4,320 coarse steps, which two rules read every few minutes.
_FINE_IN_COARSE = 10
# Prometheus looks back five minutes for a sample; less frequent series would have gaps.
_BELOW_LOOKBACK = Duration.of(minutes=4)


def _window(percent: str, short: str, long: str) -> Window:
    return Window(Decimal(percent), Duration.parse(short), Duration.parse(long))


# SRE Workbook, table 5-8: 2 % in 1 h, 5 % in 6 h, 10 % in 3 d; 10 % in 1 d as Sloth adds it.
_WORKBOOK = Windows(
    page=(_window("2", "5m", "1h"), _window("5", "30m", "6h")),
    ticket=(_window("10", "2h", "1d"), _window("10", "6h", "3d")),
)
# A week has a quarter of the budget, so the same hour takes a larger share of it; the shares
# are those of Sloth's example windows for 7 days.
_WEEK = Windows(
    page=(_window("8", "5m", "1h"), _window("12.5", "30m", "6h")),
    ticket=(_window("20", "2h", "1d"), _window("42", "6h", "3d")),
)
_CATALOGUE = {
    _DAY * 7: _WEEK,
    _DAY * 28: _WORKBOOK,
    _DAY * 30: _WORKBOOK,
    _DAY * 90: _QUARTER,
}


def windows_for(period: Duration, scrape: Duration) -> Windows:
    """Alert windows of a period: from the table, else the workbook's scaled to the period.

    A scaled window is at least two scrapes long, as `rate` needs two samples. The burn rates
    are always the workbook's.
    """
    known = _CATALOGUE.get(period)
    if known:
        return known

    def scaled(window: Window) -> Window:
        short = _scaled(window.short, period, at_least=scrape * 2)
        long = _scaled(window.long, period, at_least=short * 2)
        # The burn rate stays; a longer window at that rate spends a larger share.
        percent = 100 * factor(window, _WORKBOOK_PERIOD) * long.ms / period.ms
        return Window(percent, short, long)

    quick, slow = _WORKBOOK.page
    day, days = _WORKBOOK.ticket
    return Windows((scaled(quick), scaled(slow)), (scaled(day), scaled(days)))


def factor(window: Window, period: Duration) -> Decimal:
    """Burn rate that spends `percent` of the budget within `long`: percent x period / long."""
    return window.percent * period.ms / 100 / window.long.ms


def reachable(wanted: Decimal, budget: Decimal) -> Decimal:
    """Limit a burn-rate factor to the highest one, with one decimal, that can be exceeded.

    The error ratio never exceeds 1, so a threshold `factor * budget` of 1 or more never fires.
    The result keeps `factor * budget` below 1.
    """
    if wanted * budget < 1:
        return wanted
    tenths = (10 / budget).to_integral_value(ROUND_CEILING) - 1
    return tenths / 10


def _scaled(length: Duration, period: Duration, *, at_least: Duration) -> Duration:
    exact = length.ms * period.ms // _WORKBOOK_PERIOD.ms
    unit = 60_000 if exact >= 300_000 else 1_000  # noqa: PLR2004 - whole minutes from 5m on
    return max(Duration(round(exact / unit) * unit), at_least)


def spent(slo: SLO, condition: BurnCondition) -> Decimal:
    """Share of the budget, 0 to 1, that is spent when a condition becomes true.

    Burning at rate B for a long window W of a period P takes B x W / P (SRE Workbook, ch. 5).
    """
    return condition.factor * condition.long.ms / slo.period.ms


def detection(slo: SLO, condition: BurnCondition, share: Decimal) -> Duration | None:
    """Time from the first error until a condition becomes true; None for never.

    With a share E of errors, the error ratio of a window W is E x t / W after t, so it exceeds
    the threshold B x b (b the budget) at t = W x B x b / E. The long window is the later one.
    """
    threshold = condition.factor * slo.budget
    if share <= threshold:
        return None
    return Duration(int(condition.long.ms * threshold / share))


def after(
    slo: SLO, condition: BurnCondition, share: Decimal, held: Duration | None
) -> Duration | None:
    """Time from the first error to the alert, `for` included; whole minutes from 10 minutes on."""
    found = detection(slo, condition, share)
    if found is None:
        return None
    seconds = max(found, slo.steps.fine).ms // 1000 * 1000
    comes = seconds if seconds < 10 * _MINUTE else seconds // _MINUTE * _MINUTE
    return Duration(comes + (held.ms if held else 0))


def all_failing(slo: SLO) -> Duration:
    """Time in which a full outage spends the whole budget, in whole seconds."""
    return Duration(int(slo.period.ms * slo.budget) // 1000 * 1000)


def gone_after(slo: SLO, factor: Decimal) -> Duration:
    """Time in which a burn rate spends the whole budget, in whole minutes."""
    return Duration(int(slo.period.ms / factor) // _MINUTE * _MINUTE)


def allowed(slo: SLO) -> str:
    """Text for the number of events that may fail, of those the spec expects or of a million."""
    if slo.expected_events is None:
        return f"{slo.budget * 1_000_000:,.0f} events of a million"
    events = plain(slo.budget * slo.expected_events, 1)
    return f"{events} of the {slo.expected_events:,} events expected in a period"


def steps(scrape: Duration, windows: Iterable[Duration]) -> Steps:
    """Choose the steps of an SLO.

    The fine step is one minute; less where alert windows are short, never less than a scrape.
    """
    fine = _fine(scrape, sorted(windows))
    slow = max(min(fine * 4, _BELOW_LOOKBACK), fine)
    return Steps(scrape=scrape, fine=fine, coarse=fine * _FINE_IN_COARSE, slow=slow)


def _fine(scrape: Duration, windows: Sequence[Duration]) -> Duration:
    """Choose the shortest step, up to twice the minimum, that divides every window.

    It is the minimum where no step does; a window then covers every step that it touches.
    """
    shortest = windows[0].ms
    least = max(min(_FINE.ms, shortest // _STEPS_IN_SHORTEST), scrape.ms)
    whole_seconds = (
        shortest // number
        for number in range(shortest // least, max(1, shortest // (2 * least) - 1), -1)
        if shortest % (number * 1000) == 0
    )
    for step in (least, *whole_seconds):
        if all(window.ms % step == 0 for window in windows):
            return Duration(step)
    return Duration(least)


def rounded(windows: Windows, scrape: Duration) -> Windows:
    """Round built-in windows to whole fine steps; their burn rates stay the same."""
    pairs = (*windows.page, *windows.ticket)
    lengths = sorted({length for pair in pairs for length in (pair.short, pair.long)})
    fine = _fine(scrape, lengths)
    if all(length.ms % fine.ms == 0 for length in lengths):
        return windows

    def whole(length: Duration) -> Duration:
        return fine * max(_STEPS_AT_LEAST, round(length.ms / fine.ms))

    def of_steps(window: Window) -> Window:
        long = whole(window.long)
        return Window(window.percent * long.ms / window.long.ms, whole(window.short), long)

    quick, slow, day, days = map(of_steps, pairs)
    return Windows((quick, slow), (day, days))


def own_windows(spec: AlertWindows) -> Windows:
    """Convert the alert windows of a spec."""
    return Windows(page=_pair(spec.page), ticket=_pair(spec.ticket))


def _pair(speeds: SpeedWindows) -> tuple[Window, Window]:
    return _evaluation_window(speeds.quick), _evaluation_window(speeds.slow)


def _evaluation_window(window: BurnWindow) -> Window:
    return Window(window.error_budget_percent, window.short_window, window.long_window)
