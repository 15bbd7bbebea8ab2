"""An SLO plugin of Sloth, which the exact profile ignores."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, SloSubject, SpecSubject

ID = "slo-plugins"
ALWAYS = True


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Plugin chain of an SLO."""
    if subject.slo_spec.plugins:
        yield LintFinding(
            ("plugins",),
            "Sloth's SLO plugins are Go programs and are passed over",
            "the exact profile has its own rules",
        )


def check_spec(subject: SpecSubject) -> Iterator[LintFinding]:
    """Plugin chain of all SLOs of a spec."""
    if subject.spec.slo_plugins:
        yield LintFinding(
            ("slo_plugins",),
            "Sloth's SLO plugins are passed over",
            "the exact profile has its own rules; --profile sloth has them",
        )
