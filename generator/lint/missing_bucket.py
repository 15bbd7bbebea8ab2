"""A histogram without a bucket at the threshold."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject
from generator.model import MetricFacts
from slos.schema import promql

ID = "missing-bucket"
ALWAYS = False


def check_live_slo(_: SloSubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Bucket selectors that match no series although the metric exists."""
    for selector, count in facts.series.items():
        if (
            not count
            and promql.has_label_matcher(selector, "le")
            and facts.types.get(promql.read_selector_metric(selector))
        ):
            yield LintFinding(
                ("sli",),
                f"the histogram has no bucket {selector}",
                "add this bucket, use the upper bound of an existing one, or set 'native: true' "
                "if it is a native histogram",
            )
