"""Runs one slot of one probe, and counts its checks."""

import logging
from collections.abc import Iterable

from exporter.courier import Turn
from exporter.http_source.credentials import CredentialsError
from exporter.http_source.tls import TlsFileError
from exporter.means import Outcome
from exporter.metrics import Metrics
from exporter.plugins import told
from exporter.probes import Probe
from exporter.schedule import Slot

_log = logging.getLogger(__name__)


class Runner:
    """Runs the probes of a generation."""

    def __init__(self, probes: Iterable[Probe], metrics: Metrics) -> None:
        self.probes = {probe.key: probe for probe in probes}
        self._metrics = metrics

    async def run(self, slot: Slot) -> Outcome:
        """Run one slot. An exception of the probe is logged and becomes a failed outcome."""
        probe = self.probes[slot.probe]
        try:
            outcome = await probe.ask(Turn(slot.intended, slot.intended_at))
            for criterion, passed in outcome.checks:
                self._metrics.check(criterion, passed=passed)
        except (CredentialsError, TlsFileError) as error:
            outcome = Outcome(notes=(f"nothing was asked: {error}",), failed=True)
        except Exception as error:  # noqa: BLE001 - logged in full; the next slot may succeed
            _log.exception("%s: the probe broke", slot.probe)
            return Outcome(notes=(f"{slot.probe} broke: {told(error)}",), failed=True)
        for note in outcome.notes:
            _log.warning("%s: %s", slot.probe, note)
        return outcome
