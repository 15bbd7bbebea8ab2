"""Badge of an SLO as SVG: its budget, its state or its objective."""

from generator.status.slo_states import SLOState, SLOStatus
from generator.web.formats import (
    UNKNOWN,
    format_number,
    format_objective,
    format_percent,
    load_templates,
)

_COLOURS = {
    SLOState.PAGE: "#b3261e",
    SLOState.EXHAUSTED: "#b3261e",
    SLOState.ALERT: "#9a5b00",
    SLOState.BURNING: "#9a5b00",
    SLOState.NO_DATA: "#5b6472",
    SLOState.OK: "#1b7a41",
}
_CHARACTER = 6.6
"""Width of a character in the font of a badge, on average."""


def render_badge(status: SLOStatus | None, show: str = "budget") -> str:
    """Render the badge of an SLO; None for one that is not recorded."""
    if status is None:
        left, right, colour = "SLO", "not recorded", "#5b6472"
    else:
        left = status.labels.get("sloth_slo") or status.id
        right = {
            "state": str(status.state),
            "objective": format_objective(status.objective),
            "burn": f"burn rate {format_number(status.burn)}",
        }.get(show, f"budget {format_percent(status.budget)}")
        right = right.replace(UNKNOWN, "not known")
        colour = _COLOURS[status.state]
    widths = [round(len(text) * _CHARACTER) + 12 for text in (left, right)]
    return (
        load_templates()
        .get_template("badge.svg")
        .render(left=left, right=right, colour=colour, widths=widths)
    )
