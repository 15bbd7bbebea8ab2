"""Criteria that a rising baseline must meet to count as a leak, in the order of their checks."""

from dataclasses import dataclass

from exporter.leaks.floors import Floor
from exporter.leaks.reasons import Reason
from exporter.leaks.series import Series
from exporter.leaks.signals import Kind
from exporter.leaks.tiers import BYTES_PER_EVENT, LEVEL, RISE, Grade
from exporter.leaks.trend import Trend, slope


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Growth of an epoch, as the criteria read it."""

    series: Series
    floor: Floor
    trend: Trend
    p: float
    """p-value of the trend, adjusted for the number of tests."""
    per_event: float | None
    """Growth per event; None when there were no events or they were not counted."""

    @property
    def relative(self) -> float:
        """Growth per hour, as a share of the epoch's baseline."""
        return self.trend.slope / self.floor.lowest


def closed_gate(evidence: Evidence, grade: Grade) -> Reason | None:
    """Find the first criterion that the growth does not meet; None when it meets all."""
    kind = evidence.series.signal.kind
    if evidence.p >= LEVEL or evidence.trend.low <= 0:
        return Reason.NO_TREND
    if evidence.relative < grade.size:
        return Reason.TOO_SLOW
    if kind is Kind.COUNT and evidence.floor.rise() < RISE:
        return Reason.TOO_FEW_MORE
    if kind is Kind.BYTES and _is_little(evidence.per_event):
        return Reason.TOO_LITTLE_PER_EVENT
    return None if _goes_on(evidence.floor, grade) else Reason.SLOWED_DOWN


def _is_little(per_event: float | None) -> bool:
    return per_event is not None and per_event <= BYTES_PER_EVENT


def _goes_on(floor: Floor, grade: Grade) -> bool:
    """Return True if the last part grows like the first.

    If the first part is flat, any growth is enough by comparison. So the last part must also be
    large enough by itself, or a step between two plateaus could pass by chance.
    """
    first, last = (
        slope(floor.hours[part], floor.values[part]) for part in floor.parts(grade.parts)
    )
    return last >= max(grade.kept * first, grade.size * floor.lowest)
