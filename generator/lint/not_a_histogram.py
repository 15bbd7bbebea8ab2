"""A `latency` SLI of a metric that has the name of a counter, not of a histogram."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject
from slos.schema.problem import ProblemSeverity
from slos.schema.sli.latency import LatencySli

ID = "not-a-histogram"
ALWAYS = True

# The series of a histogram with the suffixes `_bucket` and `_count` name a classic one.
_COUNTER_SUFFIXES = ("_total", "_sum", "_created")
_CLASSIC_SUFFIXES = ("_bucket", "_count")


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Metrics with the suffix of a counter, and native histograms with that of a classic one."""
    sli = subject.slo_spec.sli.get_type()
    if not isinstance(sli, LatencySli):
        return
    suffixes = (*_COUNTER_SUFFIXES, *_CLASSIC_SUFFIXES) if sli.native else _COUNTER_SUFFIXES
    suffix = next((each for each in suffixes if sli.metric.endswith(each)), "")
    if suffix:
        kind = "native histogram" if sli.native else "histogram"
        yield LintFinding(
            ("sli", sli.KEY, "metric"),
            f"{sli.metric} is not the name of a {kind}: it ends in {suffix}",
            f"did you mean {sli.metric.removesuffix(suffix)}? "
            "Silence this check if the histogram has this name",
            ProblemSeverity.ERROR,
            may_be_meant=True,
        )
