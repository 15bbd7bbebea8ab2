"""In which steps events are counted, and windows as a spec sets them."""

from collections.abc import Iterable

from generator import burn
from generator.model import Steps
from slos.schema.spec import AlertWindows, BurnWindow, SpeedWindows
from slos.schema.units import Duration

_FINE = Duration.of(minutes=1)
# Fine steps in the shortest window: enough that a step more or less does not matter.
_STEPS_IN_SHORTEST = 5
# A period of 30 days is 4,320 coarse steps, which two rules read every few minutes.
_FINE_IN_COARSE = 10
# Prometheus looks back five minutes for a value: rarer ones would come and go.
_BELOW_LOOKBACK = Duration.of(minutes=4)


def steps(scrape: Duration, windows: Iterable[Duration]) -> Steps:
    """One minute; less where alert windows are short, never less than a scrape."""
    wanted = min(_FINE.ms, min(windows).ms // _STEPS_IN_SHORTEST)
    fine = Duration(max(wanted, scrape.ms))
    slow = max(min(fine * 4, _BELOW_LOOKBACK), fine)
    return Steps(scrape=scrape, fine=fine, coarse=fine * _FINE_IN_COARSE, slow=slow)


def own_windows(spec: AlertWindows) -> burn.Windows:
    """The windows a spec sets itself."""
    return burn.Windows(page=_pair(spec.page), ticket=_pair(spec.ticket))


def _pair(speeds: SpeedWindows) -> tuple[burn.Window, burn.Window]:
    return _window(speeds.quick), _window(speeds.slow)


def _window(window: BurnWindow) -> burn.Window:
    return burn.Window(window.error_budget_percent, window.short_window, window.long_window)
