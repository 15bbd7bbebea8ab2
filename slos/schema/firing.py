"""Models that all alerts share, those of SLOs and standalone ones."""

from typing import Annotated

from pydantic import AfterValidator, Field

from slos.schema.runbook import Runbook, nothing_known
from slos.schema.wire import AlertLabels, Annotations, HoldField, Name, Wire


def _said(reason: str) -> str:
    """Return the reason of a silence.

    Raises:
        ValueError: it is blank.
    """
    if not reason.strip():
        raise ValueError("a silence needs a reason; write why the check is wrong here")
    return reason


class Silence(Wire):
    """A check that is not to speak up, and why."""

    check: Name
    """Its id, as the report shows it."""
    reason: Annotated[str, AfterValidator(_said)]
    """Why the check is wrong here."""


class Firing(Wire):
    """Sloth's labels and annotations, and our timing."""

    labels: AlertLabels = Field(default_factory=dict)
    """Added to the alert, above those of everything around it."""
    annotations: Annotations = Field(default_factory=dict)
    """Added to the alert, above the texts that it has by itself."""
    for_: Annotated[HoldField | None, Field(alias="for")] = None
    """Ours: fire only when the condition held this long."""
    keep_firing_for: HoldField | None = None
    """Ours: keep firing this long after the condition ended."""
    runbook: Runbook = Field(default_factory=nothing_known)
    """Ours: what people know of it, for its page."""
