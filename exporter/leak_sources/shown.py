"""Gauges of leak findings; the series of replicas that are gone are removed."""

from collections.abc import Iterable

from exporter.gauges import Gauges
from exporter.leaks.findings import Finding


class Shown:
    """Gauges of one set of findings."""

    def __init__(self, gauges: Gauges) -> None:
        self._verdict, self._age = gauges.leak_verdict, gauges.leak_epoch_age
        self._samples = gauges.leak_samples
        self._slopes = (gauges.leak_slope, gauges.leak_slope_low, gauges.leak_slope_high)
        self._labels: set[tuple[str, str]] = set()

    def show(self, findings: Iterable[Finding]) -> None:
        """Set the gauges to these findings and remove all others."""
        now = {(finding.signal.value, finding.instance): finding for finding in findings}
        for gone in self._labels - now.keys():
            for gauge in (self._verdict, self._age, self._samples, *self._slopes):
                gauge.remove(*gone)
        self._labels = set(now)
        for labels, finding in now.items():
            self._one(labels, finding)

    def _one(self, labels: tuple[str, str], finding: Finding) -> None:
        measured = finding.measured
        self._verdict.labels(*labels).set(finding.verdict)
        self._age.labels(*labels).set(finding.age)
        self._samples.labels(*labels).set(measured.trend.n if measured else 0)
        for slope in self._slopes if measured is None else ():
            slope.remove(*labels)  # absent, as no slope of zero was measured
        if measured:
            trend = measured.trend
            for gauge, value in zip(
                self._slopes, (trend.slope, trend.low, trend.high), strict=True
            ):
                gauge.labels(*labels).set(value)
