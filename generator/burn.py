"""Burn-rate arithmetic: alert windows, burn-rate factors, and the highest factor that can fire.

Source of the method: Google SRE Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".
"""

from decimal import ROUND_CEILING, Decimal

from generator.model import Window, Windows
from slos.schema.units import Duration

_DAY = Duration.of(days=1)
_WORKBOOK_PERIOD = Duration.of(days=30)


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
