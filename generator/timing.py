"""Counting steps of an SLO, and alert windows in whole steps."""

from collections.abc import Iterable, Sequence

from generator.model import Steps, Window, Windows
from slos.schema.alerting import AlertWindows, BurnWindow, SpeedWindows
from slos.schema.units import Duration

_FINE = Duration.of(minutes=1)
# Fine steps in the shortest window: enough that one step more or less makes no difference.
_STEPS_IN_SHORTEST = 5
_STEPS_AT_LEAST = 2
# A period of 30 days has 4,320 coarse steps, which two rules read every few minutes.
_FINE_IN_COARSE = 10
# Prometheus looks back five minutes for a sample; less frequent series would have gaps.
_BELOW_LOOKBACK = Duration.of(minutes=4)


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
