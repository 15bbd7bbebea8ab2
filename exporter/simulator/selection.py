"""Selection of the function and its parameters from an alert. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporter.simulator.cloudevent import AlertEvent, read_object

PROBE_ID = "probe_id"
"""Parameter that the `corrupted` fault leaves alone, so that the event stays traceable."""


@dataclass(frozen=True)
class Remediation:
    """Function to call, with its parameters; the name is not checked, as in the service."""

    function: str
    parameters: Mapping[str, Any]

    def corrupted(self) -> "Remediation":
        """Return the same call with one changed parameter other than the probe id."""
        victim = next(key for key in self.parameters if key != PROBE_ID)
        altered = {**self.parameters, victim: _altered(self.parameters[victim])}
        return Remediation(self.function, altered)


def select(event: AlertEvent) -> Remediation | None:
    """Select the remediation named in the annotations; None without one.

    Raises:
        MalformedEventError: `lambda_parameters` is not the text of a JSON object.
    """
    function = event.annotations.get("lambda_function")
    if not function:
        return None
    given = event.annotations.get("lambda_parameters", "{}")
    parameters = dict(given) if isinstance(given, dict) else read_object(str(given))
    for name in ("name", "namespace"):
        parameters.setdefault(name, event.labels.get(name) or event.labels.get(f"resource_{name}"))
    return Remediation(str(function), parameters)


def _altered(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}~corrupted"
