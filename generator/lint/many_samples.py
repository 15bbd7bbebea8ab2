"""An SLO, alert or recording that reads very many samples."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, QuerySubject, SloSubject
from generator.model import MetricFacts

ID = "many-samples"
ALWAYS = False

_MAX_SAMPLES = 1_000_000


def check_live_slo(subject: SloSubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Samples that the raw queries of an SLO read every fine step."""
    if facts.samples > _MAX_SAMPLES:
        yield _build_finding(("sli",), facts.samples, f"every {subject.slo.steps.fine}")


def check_live_query(_: QuerySubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Samples that a standalone alert or recording reads."""
    if facts.samples > _MAX_SAMPLES:
        yield _build_finding(("query",), facts.samples, "every minute")


def _build_finding(path: tuple[str, ...], samples: int, frequency: str) -> LintFinding:
    return LintFinding(
        path,
        f"one evaluation reads {samples:,} samples, {frequency}",
        "select fewer series, or record their sum and read the recording",
    )
