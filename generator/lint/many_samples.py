"""An SLO, alert or recording that reads very many samples."""

from collections.abc import Iterator

from generator.lint._subject import Finding, OfQuery, OfSlo
from generator.model import Facts

ID = "many-samples"
ALWAYS = False

_MANY = 1_000_000


def live(subject: OfSlo, facts: Facts) -> Iterator[Finding]:
    """Samples that the raw queries of an SLO read every fine step."""
    if facts.samples > _MANY:
        yield _found(("sli",), facts.samples, f"every {subject.slo.steps.fine}")


def live_query(_: OfQuery, facts: Facts) -> Iterator[Finding]:
    """Samples that a standalone alert or recording reads."""
    if facts.samples > _MANY:
        yield _found(("query",), facts.samples, "every minute")


def _found(path: tuple[str, ...], samples: int, when: str) -> Finding:
    return Finding(
        path,
        f"one evaluation reads {samples:,} samples, {when}",
        "select fewer series, or record a sum and read that",
    )
