"""Validity of a scenario run: whether the prober, and not the target, was the bottleneck. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from exporter.loadtest.result import InvalidReason
from exporter.loadtest.result_file import StepRecord
from exporter.model.verdict import Reason
from slos.schema.contract import Stage, Verdict

_STRICTEST_LAG = 0.01
_TARGET_SHARE = 0.01
_DEFAULT_TARGET = 5.0
"""Seconds; the tightest target of VAL-008, where the specs have none."""
_LAG_QUANTILE = 0.99


@dataclass(frozen=True, slots=True)
class ValidityLimits:
    """Limits above which the prober was too slow, or too busy, for its numbers to count.

    Attributes:
        send_lag: seconds of the p99 of the send lag.
        burst_lag: the same for events that are all sent at one time, one after the other by nature.
        missed: share of the events that were not sent in time.
        prober_cpu: CPU seconds a second of the prober.
        in_flight: events in flight; the load is stopped there.
    """

    send_lag: float = _STRICTEST_LAG
    burst_lag: float = _TARGET_SHARE * _DEFAULT_TARGET
    missed: float = 0.001
    prober_cpu: float = 0.8
    in_flight: int = 5_000


def choose_lag_limits(targets: Mapping[Stage, float]) -> tuple[float, float]:
    """Choose the limits of the send lag: of events at a rate, and of events at one time.

    The first is 10 ms, or 1% of the smallest target if that is less. Events at one time are sent
    one after the other, so for them it is 1% of the smallest target.
    """
    share = _TARGET_SHARE * min(targets.values(), default=_DEFAULT_TARGET)
    return min(_STRICTEST_LAG, share), share


def find_invalid_reasons(
    records: Sequence[StepRecord], limits: ValidityLimits, *, at_bound: bool = False
) -> Iterable[InvalidReason]:
    """Find the reasons why the numbers of a run are not those of the target.

    Args:
        records: the steps.
        limits: limits of this prober.
        at_bound: whether the load was stopped at the bound of events in flight.
    """
    runs = [run for record in records for run in record.sent.runs]
    bursts = [record for record in records if _is_burst(record)]
    steady = [record for record in records if not _is_burst(record)]
    yield from _judge_lag(steady, limits.send_lag)
    yield from _judge_lag(bursts, limits.burst_lag)
    missed = sum(run.verdict is Verdict.UNKNOWN and run.reason is Reason.SENT_LATE for run in runs)
    if runs and missed / len(runs) > limits.missed:
        text = f"{missed} of {len(runs)} events were not sent on time"
        yield InvalidReason("missed", missed / len(runs), limits.missed, text)
    if at_bound:
        text = f"the limit of {limits.in_flight} events in flight was reached"
        yield InvalidReason("in_flight", limits.in_flight, limits.in_flight, text)
    cpu = max((record.prober_cpu or 0.0 for record in records), default=0.0)
    if cpu > limits.prober_cpu:
        text = f"the prober used {cpu:.0%} of a processor, and {limits.prober_cpu:.0%} are allowed"
        yield InvalidReason("prober_cpu", cpu, limits.prober_cpu, text)


def _is_burst(record: StepRecord) -> bool:
    """Return whether several events were sent at one time."""
    offsets = record.sent.offsets
    return len(offsets) > 1 and offsets[0] == offsets[-1]


def _judge_lag(records: Sequence[StepRecord], limit: float) -> Iterable[InvalidReason]:
    lags = sorted(
        run.send_lag for record in records for run in record.sent.runs if run.send_lag is not None
    )
    if lags and (lag := lags[ceil(_LAG_QUANTILE * len(lags)) - 1]) > limit:
        text = (
            f"the prober sent late: p99 {1000 * lag:.1f} ms, and {1000 * limit:.1f} ms are allowed"
        )
        yield InvalidReason("send_lag", lag, limit, text)
