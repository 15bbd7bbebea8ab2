"""Sections of the report about the analysis: bottlenecks, plan, parts, laws, resources. Pure."""

from collections.abc import Sequence
from math import isfinite

from exporter.analysis.breakdown import break_down
from exporter.analysis.finding import Diagnosis
from exporter.analysis.littles_law import check_littles_law
from exporter.analysis.measurements import RunMeasurements
from exporter.analysis.plan import Action
from exporter.analysis.resources import find_busiest
from exporter.report import ReportSection, Table, format_number, format_range
from exporter.report.criteria import Document
from slos.schema.extras import describe_missing, is_missing


def build_bottlenecks_section(diagnosis: Diagnosis) -> ReportSection:
    """Build the section of the bottlenecks and of the questions without enough data."""
    rows = [
        [
            str(number),
            finding.title,
            finding.confidence.value,
            "; ".join(
                f"{each.name} {each.value:.3g} {each.unit} {each.says}".strip()
                for each in finding.evidence
            ),
        ]
        for number, finding in enumerate(diagnosis.findings, 1)
    ]
    none = [] if rows else ["No bottleneck was found in what was measured."]
    tables = [Table("", ("", "bottleneck", "confidence", "evidence"), rows)] if rows else []
    if diagnosis.gaps:
        gaps = [[gap.question, gap.missing] for gap in diagnosis.gaps]
        tables.append(Table("Not enough data", ("question", "missing"), gaps))
    return ReportSection("bottlenecks", "Bottlenecks", none, tables)


def build_plan_section(actions: Sequence[Action]) -> ReportSection:
    """Build the section of the optimization plan."""
    if not actions:
        return ReportSection(
            "plan", "Optimization plan", ["Without a bottleneck there is no plan."]
        )
    rows = [
        [str(number), each.change, each.gain, each.verify] for number, each in enumerate(actions, 1)
    ]
    columns = ("", "change", "expected gain, by the model", "how to verify")
    says = "In this order: what costs most comes first, and may hide what comes later."
    return ReportSection("plan", "Optimization plan", [says], [Table("", columns, rows)])


def build_breakdown_section(runs: Sequence[RunMeasurements]) -> ReportSection:
    """Build the section of the mean time of each part, by load."""
    rows = [
        [
            step.title,
            f"{part.events} of {len(step.totals)}",
            part.part.value.replace("_", " "),
            format_range(part.bounds.low, part.bounds.high, " s"),
            format_range(100 * part.share.low, 100 * part.share.high, " %"),
        ]
        for run in runs
        for step in run.steps
        if not run.scenario.startswith("sustained")
        for part in break_down(step)
    ]
    says = (
        "Mean time of each part of the end-to-end time, by load. A range is what is known: the "
        "time lies within it. The time until the issue holds all work before it as well. A part is "
        "the mean of the events that show it, and its share is that of their time."
    )
    if not rows:
        return ReportSection(
            "breakdown", "Time by part", ["Not enough data: no event was executed."]
        )
    columns = ("step", "events", "part", "mean time", "share")
    return ReportSection("breakdown", "Time by part", [says], [Table("", columns, rows)])


def build_laws_section(
    documents: Sequence[Document], runs: Sequence[RunMeasurements]
) -> ReportSection:
    """Build the section of the queueing laws."""
    checks = [
        [
            check.step,
            f"{check.in_flight:.1f}",
            f"{check.expected:.1f}",
            f"{check.difference:.0%}",
            check.describe(),
        ]
        for run in runs
        for check in check_littles_law(run)
    ]
    columns = ("step", "in flight, read", "rate times time", "difference", "")
    tables = [Table("Little's law", columns, checks)] if checks else []
    paragraphs = [] if checks else ["Little's law: not enough data, no step has readings enough."]
    for name, points in (
        ("events at once", _list_burst_points(runs)),
        ("replicas", _list_replica_points(documents)),
    ):
        table, text = _fit_law(name, points)
        tables += [table] if table else []
        paragraphs += [text] if text else []
    return ReportSection("laws", "Queueing laws", paragraphs, tables)


def _list_burst_points(runs: Sequence[RunMeasurements]) -> list[tuple[float, float]]:
    # Lost events end the growth: what is left completes at any rate.
    return [
        (float(len(step.events)), step.completed_rate)
        for run in runs
        for step in run.steps
        if step.is_burst and step.lost_share == 0 and (step.replicas or 1) == 1
    ]


def _list_replica_points(documents: Sequence[Document]) -> list[tuple[float, float]]:
    return [
        (float(row["replicas"]), row["events_per_second"])
        for document in documents
        for row in document["details"].get("scaling", ())
    ]


def _fit_law(name: str, points: Sequence[tuple[float, float]]) -> tuple[Table | None, str]:
    title = f"Universal Scalability Law by {name}"
    if is_missing("leak"):
        return None, f"{title}: {describe_missing('the fit', 'leak')}"
    from exporter.analysis.scalability_law import (  # noqa: PLC0415 - it takes the extra `leak`
        FitRefusal,
        fit_scalability_law,
    )

    fit = fit_scalability_law(points)
    if isinstance(fit, FitRefusal):
        return None, f"{title}: not enough data, {fit.reason}."
    rows = [
        [label, *(f"{value:.4g}" if isfinite(value) else "none" for value in values)]
        for label, values in (
            ("events a second of one", (fit.rate.value, fit.rate.low, fit.rate.high)),
            (
                "contention",
                (fit.contention.value, fit.contention.low, fit.contention.high),
            ),
            ("coherency", (fit.coherency.value, fit.coherency.low, fit.coherency.high)),
            ("peak", (fit.peak.value, fit.peak.low, fit.peak.high)),
        )
    ]
    rows.append(["R squared", f"{fit.r_squared:.3f}", "", ""])
    return Table(f"{title}, {len(fit.points)} points", ("", "estimate", "low", "high"), rows), ""


def build_resources_section(runs: Sequence[RunMeasurements]) -> ReportSection:
    """Build the section of the resources of the target."""
    rows = []
    for run in runs:
        for step in run.steps:
            use = find_busiest(run, step)
            if use is None:
                continue
            rows.append(
                [
                    step.title,
                    f"{use.process} ({use.source})",
                    format_number(use.cpu),
                    format_number(use.run_delay),
                    format_number(None if use.memory is None else use.memory / 1e6, " MB"),
                    format_number(use.open_files),
                    format_number(use.threads),
                    str(step.in_flight),
                    f"{use.errors:.1%}",
                ]
            )
    if not rows:
        says = "Not enough data: neither Prometheus nor /proc had readings of the target."
        return ReportSection("resources", "Resources", [says])
    says = (
        "Utilization, saturation and errors of the busiest process of each step. It is busy while "
        "it uses the processor or waits for it."
    )
    columns = (
        "step",
        "process",
        "CPU, s/s",
        "waits for CPU, s/s",
        "memory",
        "open files",
        "threads",
        "most in flight",
        "lost",
    )
    return ReportSection("resources", "Resources", [says], [Table("", columns, rows)])
