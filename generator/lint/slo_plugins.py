"""Sloth's SLO plugins have no place in the exact profile."""

from collections.abc import Iterator

from generator.lint.subject import Finding, OfSlo, OfSpec

ID = "slo-plugins"
ALWAYS = True


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """A chain of plugins in the SLO."""
    if subject.written.plugins:
        yield Finding(
            ("plugins",),
            "Sloth's SLO plugins are Go programs and are passed over",
            "the exact profile has its own rules",
        )


def of_spec(subject: OfSpec) -> Iterator[Finding]:
    """A chain of plugins for all SLOs of a spec."""
    if subject.spec.slo_plugins:
        yield Finding(
            ("slo_plugins",),
            "Sloth's SLO plugins are passed over",
            "the exact profile has its own rules; --profile sloth has them",
        )
