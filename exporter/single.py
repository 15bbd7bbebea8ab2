"""Probe that sends one alert per slot; several probes need nothing else."""

from exporter.courier import Courier, Errand, Turn
from exporter.means import Outcome
from exporter.rhythm import Rhythm


class Single:
    """Probe that sends one alert per slot."""

    def __init__(self, key: str, rhythm: Rhythm, errand: Errand, courier: Courier) -> None:
        self.key = key
        self.rhythm = rhythm
        self._errand = errand
        self._courier = courier

    async def ask(self, turn: Turn) -> Outcome:
        """Run one alert; return when its verdict is certain or the deadline has passed."""
        return Outcome(results=(await self._courier.carry(self._errand, turn),))
