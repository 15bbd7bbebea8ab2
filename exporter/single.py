"""A probe that sends one alert a turn; several probes are nothing else."""

from exporter.courier import Courier, Errand, Turn
from exporter.means import Outcome
from exporter.rhythm import Rhythm


class Single:
    """Sends one alert, and is done when its verdict is certain."""

    def __init__(self, key: str, rhythm: Rhythm, errand: Errand, courier: Courier) -> None:
        self.key = key
        self.rhythm = rhythm
        self._errand = errand
        self._courier = courier

    async def ask(self, turn: Turn) -> Outcome:
        """Send one alert; come back when its verdict is certain or the deadline has passed."""
        return Outcome(results=(await self._courier.carry(self._errand, turn),))
