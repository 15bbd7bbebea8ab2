"""One run from slot to metrics: journal, probe, observers, judge, journal, metrics."""

import asyncio
import dataclasses
import logging
from collections import deque
from collections.abc import Callable

from exporter.clock import Clock
from exporter.events import new_id
from exporter.evidence import Evidence
from exporter.journal import Journal, opened
from exporter.judge import ProberFault, judge
from exporter.metrics import Metrics
from exporter.observers import observe
from exporter.probes import Order, Probe
from exporter.pulse import Pulse
from exporter.result import ProbeResult
from exporter.schedule import Slot
from slos.schema.contract import Verdict

RECENT = 100
"""Results kept for `/runs`."""
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Duty:
    """A probe and how late its event may leave."""

    probe: Probe
    max_send_lag: float


class Runner:
    """Carries out runs and remembers the last ones."""

    def __init__(
        self,
        *,
        journal: Journal,
        metrics: Metrics,
        clock: Clock,
        pulse: Pulse,
        prober_faults: Callable[[], set[ProberFault]],
    ) -> None:
        self._journal = journal
        self._metrics = metrics
        self._clock = clock
        self._pulse = pulse
        self._prober_faults = prober_faults
        self.duties: dict[str, Duty] = {}
        self._uncounted: list[ProbeResult] = []
        self.recent: deque[ProbeResult] = deque(maxlen=RECENT)
        """Newest first."""

    async def run(self, slot: Slot) -> ProbeResult:
        """Carry out one run; gives its result, whatever happens."""
        duty = self.duties[slot.probe]
        run = opened(slot.probe, duty.probe.PATH, new_id(), slot.intended_at)
        faults = self._prober_faults()
        await self._journal.open_run(run)
        evidence = Evidence(intended=slot.intended)
        if not faults:  # what a prober at fault sends proves nothing
            evidence = await self._ask(duty, run, slot, faults)
        faults |= self._prober_faults() | self._slips(duty, evidence)
        verdict, reason = judge(evidence, duty.probe.late_after, faults)
        stages = observe(evidence)
        result = dataclasses.replace(run, verdict=verdict, reason=reason, stages=stages)
        await self._journal.close_run(result)
        self.account(self._journal.take_orphans())
        self._take(evidence, result)
        return result

    def account(self, orphans: list[ProbeResult]) -> None:
        """Show runs an earlier process left open; they are counted once someone has looked.

        `increase()` must see a counter before it rises. Were they counted at once, a prober
        that crashes again and again would start at 1 each time and never seem to rise.
        """
        for orphan in orphans:
            _log.warning("%s: run %s was left open by an earlier start", orphan.probe, orphan.id)
            if orphan not in self.recent:
                self.recent.appendleft(orphan)
        self._uncounted += orphans

    def scraped(self) -> None:
        """Someone has read the counters: count what waited for that."""
        waiting, self._uncounted = self._uncounted, []
        for orphan in waiting:
            self._metrics.record(orphan)

    async def _ask(
        self, duty: Duty, run: ProbeResult, slot: Slot, faults: set[ProberFault]
    ) -> Evidence:
        order = Order(run.id, slot.intended, slot.intended_at)
        asking = asyncio.create_task(duty.probe.ask(order), name=f"ask {run.id}")
        try:
            await self._journal.mark_sent(run)
            return await asking
        except Exception:  # noqa: BLE001 - a bug in a probe must not end the probing; it is told in full
            _log.exception("%s: the probe broke", run.probe)
            faults.add(ProberFault.INTERNAL_ERROR)
            return Evidence(intended=slot.intended)
        finally:
            asking.cancel()

    def _slips(self, duty: Duty, evidence: Evidence) -> set[ProberFault]:
        """What the prober's own clockwork did wrong during a run."""
        if evidence.sent is None:
            return set()
        slips = set()
        if evidence.sent - evidence.intended > duty.max_send_lag:
            slips.add(ProberFault.SENT_LATE)
        if self._pulse.stall(evidence.intended, self._clock.now()) > duty.max_send_lag:
            slips.add(ProberFault.PROBER_STALLED)
        return slips

    def _take(self, evidence: Evidence, result: ProbeResult) -> None:
        if evidence.sent is not None:
            self._metrics.lag(result.probe, max(0.0, evidence.sent - evidence.intended))
        self._metrics.record(result)
        self.recent.appendleft(result)
        level = logging.INFO if result.verdict is Verdict.OK else logging.WARNING
        took = ", ".join(f"{stage} {seconds:.3f}s" for stage, seconds in result.stages.items())
        _log.log(
            level, "%s: %s (%s) %s %s", result.probe, result.verdict, result.reason, result.id, took
        )
