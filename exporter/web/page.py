"""Index page: state of the prober and the last runs. Pure."""

from collections import Counter
from collections.abc import Iterable
from functools import cache

import jinja2

from exporter.model.run import ProbeResult, timestamp
from slos.schema.contract import Stage, Verdict

_COLOURS = {Verdict.OK: "ok", Verdict.UNKNOWN: "odd"}


def page(state: str, runs: Iterable[ProbeResult]) -> str:
    """Render the page as HTML; all values are escaped.

    Args:
        state: state of the prober in a few words.
        runs: runs, newest first.
    """
    shown = [_row(run) for run in runs]
    counts = Counter(str(row["verdict"]) for row in shown)
    return _template().render(
        state=state,
        runs=shown,
        stages=list(Stage),
        counts={verdict: counts[verdict] for verdict in Verdict if counts[verdict]},
    )


def _row(run: ProbeResult) -> dict[str, object]:
    return {
        "at": timestamp(run.intended_at).replace("T", " "),
        "probe": run.probe,
        "path": run.path,
        "verdict": run.verdict,
        "reason": run.reason,
        "seconds": [run.stages.get(stage) for stage in Stage],
        "id": run.id,
    }


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("exporter.web", "."),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["colour"] = lambda verdict: _COLOURS.get(verdict, "bad")
    return environment.get_template("page.html")
