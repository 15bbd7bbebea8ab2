"""Runs one scenario from its first event to its end."""

import logging
from collections.abc import Callable

from exporter.core import Core
from exporter.loadtest.result import State
from exporter.loadtest.run import Trial
from exporter.loadtest.settings import Load
from exporter.loadtest.stop import Brake, Stop, StoppedError
from exporter.scenarios import scenario_modules
from exporter.schedule.clock import Clock
from exporter.schedule.tasks import beside

_LOOK = 0.2
"""Seconds between two checks of the lease."""
_log = logging.getLogger(__name__)


async def carry_out(
    trial: Trial, settings: Load, *, core: Core, may_send: Callable[[], bool]
) -> None:
    """Run a scenario, and record in its run how it ended. Never raises."""
    scenario, clock = trial.result.scenario, core.face.clock
    _log.info("scenario %s: begins", scenario)
    core.face.recent.hears, core.aftercare.hears = trial.normal.hear, trial.late.hear
    try:
        async with beside(_watch_lease(trial.brake, may_send, clock)):
            await trial.first()
            await scenario_modules()[scenario].run(settings, trial)
        trial.tell(state=State.COMPLETED)
    except StoppedError:
        trial.tell(state=State.STOPPED, reason=trial.brake.reason)
    except Exception:  # noqa: BLE001 - probing goes on; a bug is logged in full
        trial.tell(state=State.STOPPED, reason=Stop.ERROR)
        _log.exception("scenario %s broke", scenario)
    finally:
        core.face.recent.hears, core.aftercare.hears = _nobody, _nobody
    trial.tell(ended_at=clock.wall())
    result = trial.result
    told = (scenario, result.state, result.reason, result.met, result.events)
    _log.info("scenario %s: %s (%s), met: %s, %d events", *told)


async def _watch_lease(brake: Brake, may_send: Callable[[], bool], clock: Clock) -> None:
    while may_send():
        await clock.sleep(_LOOK)
    brake.pull(Stop.LEASE_LOST)


def _nobody(*_: object) -> None:
    """Ignore a run."""
