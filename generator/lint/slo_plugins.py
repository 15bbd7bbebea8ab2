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
            "SLO plugins of Sloth are ignored",
            "the exact profile does not run them; remove the key",
        )


def check_spec(subject: SpecSubject) -> Iterator[LintFinding]:
    """Plugin chain of all SLOs of a spec."""
    if subject.spec.slo_plugins:
        yield LintFinding(
            ("slo_plugins",),
            "SLO plugins of Sloth are ignored",
            "only --profile sloth runs them",
        )
