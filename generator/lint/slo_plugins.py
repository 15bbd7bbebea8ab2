"""An SLO plugin of Sloth, which the exact profile ignores."""

from collections.abc import Iterator

from generator.lint._subject import Finding, OfSlo, OfSpec

ID = "slo-plugins"
ALWAYS = True


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Plugin chain of an SLO."""
    if subject.written.plugins:
        yield Finding(
            ("plugins",),
            "Sloth's SLO plugins are Go programs and are passed over",
            "the exact profile has its own rules",
        )


def of_spec(subject: OfSpec) -> Iterator[Finding]:
    """Plugin chain of all SLOs of a spec."""
    if subject.spec.slo_plugins:
        yield Finding(
            ("slo_plugins",),
            "Sloth's SLO plugins are passed over",
            "the exact profile has its own rules; --profile sloth has them",
        )
