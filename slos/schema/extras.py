"""Extras of the distribution: the packages of each, and the error if one is missing.

An extra has the name of the output format, the probe or the program that needs it.
"""

from importlib.util import find_spec

EXTRA_MODULES = {
    "backtest": ("numpy",),
    "grafana": ("grafana_foundation_sdk",),
    "leak": ("numpy", "pymannkendall", "scipy"),
    "probe": (
        "aiohttp",
        "bcrypt",
        "cloudevents",
        "graphql",
        "hdrh",
        "kubernetes_asyncio",
        "opentelemetry",
        "prometheus_client",
    ),
    "serve": ("aiohttp", "bcrypt", "prometheus_client"),
}
"""Top-level modules of each extra."""
_EXTRAS_OF_RULES = ("backtest", "grafana")


def is_missing(name: str) -> bool:
    """Tell whether a format, probe or program needs an extra that is not installed."""
    return any(find_spec(module) is None for module in EXTRA_MODULES.get(name, ()))


def find_extra(program: str, module: str) -> str | None:
    """Find the extra of a program that installs a module."""
    top_level = module.partition(".")[0]
    is_of_rules = program == "slo-rules"
    extras = (each for each in EXTRA_MODULES if (each in _EXTRAS_OF_RULES) is is_of_rules)
    return next((each for each in extras if top_level in EXTRA_MODULES[each]), None)


def describe_missing(subject: str, extra: str) -> str:
    """Describe what has to be installed for a subject."""
    return f"{subject} needs the extra {extra}: pip install 'slo-monitor[{extra}]'"
