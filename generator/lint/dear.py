"""An SLO that costs Prometheus much."""

from collections.abc import Iterator

from generator.lint.subject import Facts, Finding, OfSlo

ID = "many-samples"
ALWAYS = False

_MANY = 1_000_000


def live(subject: OfSlo, facts: Facts) -> Iterator[Finding]:
    """By the samples that its raw queries read once a minute."""
    if facts.samples > _MANY:
        yield Finding(
            ("sli",),
            f"one evaluation reads {facts.samples:,} samples, every {subject.slo.steps.fine}",
            "select fewer series, or record a sum and read that",
        )
