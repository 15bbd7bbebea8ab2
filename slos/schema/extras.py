"""Extras of the distribution: which packages each installs, and what is said if one is missing.

An extra has the name of the output format, the probe or the program that needs it.
"""

from importlib.util import find_spec

EXTRA_MODULES = {
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


def is_missing(name: str) -> bool:
    """Tell whether a format, probe or program needs an extra that is not installed."""
    return any(find_spec(module) is None for module in EXTRA_MODULES.get(name, ()))


def find_extra(module: str) -> str | None:
    """Find the extra that installs a module."""
    top_level = module.partition(".")[0]
    return next((extra for extra, modules in EXTRA_MODULES.items() if top_level in modules), None)


def describe_missing(subject: str, extra: str) -> str:
    """Describe what has to be installed for a subject."""
    return f"{subject} needs the extra {extra}: pip install 'slo-monitor[{extra}]'"
