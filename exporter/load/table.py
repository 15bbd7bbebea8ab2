"""Result of a scenario run as text. Pure."""

from collections.abc import Sequence

from exporter.load.result import Measure, Result, State, Step


def step_line(result: Result, step: Step) -> str:
    """Format one step: the events sent, and their verdicts."""
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(step.verdicts.items()))
    return f"{step.load:g} {result.unit}: {step.sent} sent ({verdicts})"


def table(result: Result) -> str:
    """Format a whole result."""
    lines = [headline(result)]
    if result.level is not None:
        lines.append(f"with {result.level} replicas")
    if result.steps:
        lines += ["", *_steps(result)]
    if result.measures:
        lines += ["", *_measures(result.measures)]
    return "\n".join([*lines, *(["", *result.notes] if result.notes else [])])


def headline(result: Result) -> str:
    """Format the outcome of a run in one line."""
    if result.state is State.COMPLETED:
        said = {True: "met", False: "NOT MET", None: "nothing to compare with"}[result.met]
    else:
        said = f"{result.state} ({result.reason})" if result.reason else result.state.value
    took = (result.ended_at or result.started_at) - result.started_at
    return f"{result.scenario}: {said}, {result.events:,} events in {took:.0f} s"


def _steps(result: Result) -> list[str]:
    names = list(result.steps[0].shares)
    rows = [[result.unit, "sent", *names]]
    for step in result.steps:
        cells = [f"{step.shares[name]:.1%} {step.rates[name]:.1f}/s" for name in names]
        rows.append([f"{step.load:g}", f"{step.sent}", *cells])
    return _aligned(rows)


def _measures(measures: Sequence[Measure]) -> list[str]:
    rows = [["", "found", "promised", ""]]
    for each in measures:
        value = "not measured" if each.value is None else f"{each.value:.4g}"
        target = "" if each.target is None else f"{each.target:.4g}"
        said = {True: "met", False: "NOT MET", None: ""}[each.met]
        rows.append([each.name, value, target, said])
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
