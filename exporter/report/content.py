"""Content of the report over all runs of a folder. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from exporter.analysis.bottleneck import Diagnosis, diagnose
from exporter.analysis.breakdown import break_down
from exporter.analysis.littles_law import check_littles_law
from exporter.analysis.measurements import RunMeasurements, read_measurements
from exporter.analysis.plan import Action, plan_optimizations
from exporter.analysis.resources import find_busiest
from exporter.loadtest.result import ScenarioVerdict
from exporter.report.criteria import Document, Judgement, Results, describe_measure
from exporter.report.criteria import judge_requirements as judge
from exporter.report.figures import list_figures
from exporter.report.sections import Section, Table, format_number, format_range
from slos.schema.extras import describe_missing, is_missing

FORMAT, VERSION = "slo-probe/report", 1
_KEPT_RUNS = 20
_SCENARIO_NUMBERS = {
    "baseline": 1,
    "throughput": 2,
    "concurrent": 3,
    "sustained": 4,
    "scalability": 5,
    "stress": 6,
}


@dataclass(frozen=True, slots=True)
class Report:
    """Report over runs.

    Attributes:
        sections: sections in order.
        judgements: verdicts on the requirements.
        diagnosis: bottlenecks and gaps.
        actions: optimization plan.
        history: measures of these runs and of the runs before, the oldest first.
    """

    sections: Sequence[Section]
    judgements: Sequence[Judgement]
    diagnosis: Diagnosis
    actions: Sequence[Action]
    history: Sequence[Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "judgements": [asdict(each) for each in self.judgements],
            "findings": [asdict(finding) for finding in self.diagnosis.findings],
            "gaps": [asdict(gap) for gap in self.diagnosis.gaps],
            "plan": [asdict(action) for action in self.actions],
            "sections": [
                {
                    "anchor": section.anchor,
                    "title": section.title,
                    "paragraphs": list(section.paragraphs),
                    "tables": [asdict(table) for table in section.tables],
                }
                for section in self.sections
            ],
            "history": list(self.history),
        }


def build_report(
    documents: Sequence[Document], earlier: Sequence[Mapping[str, Any]] = ()
) -> Report:
    """Build the report.

    Args:
        documents: result files, one for each scenario.
        earlier: history of the report before.
    """
    ordered = sorted(documents, key=lambda each: _SCENARIO_NUMBERS.get(each["scenario"], 99))
    runs = [read_measurements(document) for document in ordered]
    # The numbers of an invalid run are not those of the target, and an engine has no single events.
    pairs = [
        (document, run)
        for document, run in zip(ordered, runs, strict=True)
        if "engine" not in document["details"]
    ]
    sampled = [run for _, run in pairs]
    judged = [run for document, run in pairs if document["verdict"] != ScenarioVerdict.INVALID]
    diagnosis = diagnose(judged)
    actions = plan_optimizations(diagnosis.findings)
    results = Results({each["scenario"]: each for each in ordered}, diagnosis, len(actions))
    judgements = judge(results)
    history = _extend_history(earlier, ordered)
    sections = [
        _build_summary(ordered),
        _build_criteria(judgements),
        _build_bottlenecks(diagnosis),
        _build_plan(actions),
        _build_breakdown(sampled),
        _build_laws(ordered, sampled),
        _build_resources(sampled),
        *(_build_run(document, run) for document, run in zip(ordered, runs, strict=True)),
        _build_comparison(ordered, history),
        _build_environment(ordered),
    ]
    return Report(sections, judgements, diagnosis, actions, history)


def _build_summary(documents: Sequence[Document]) -> Section:
    rows = [
        [
            document["scenario"],
            document["verdict"],
            f"{document['events']:,}",
            document["started"],
            "; ".join(
                [*(reason["text"] for reason in document["invalid"]), document["reason"] or ""]
            ).rstrip("; ")
            or "-",
        ]
        for document in documents
    ]
    columns = ("scenario", "verdict", "events", "started", "why it does not count")
    return Section("runs", "Runs", tables=[Table("", columns, rows)])


def _build_criteria(judgements: Sequence[Judgement]) -> Section:
    tables = []
    for group in dict.fromkeys(each.id.partition(".")[0] for each in judgements):
        rows = [
            [each.says, each.status.value, each.evidence]
            for each in judgements
            if each.id.partition(".")[0] == group
        ]
        tables.append(Table(group, ("requirement", "verdict", "evidence"), rows))
    says = "Met, missed, or not measurable by these runs; then the evidence says why."
    return Section("criteria", "Acceptance criteria of VAL-008", [says], tables)


def _build_bottlenecks(diagnosis: Diagnosis) -> Section:
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
    return Section("bottlenecks", "Bottlenecks", none, tables)


def _build_plan(actions: Sequence[Action]) -> Section:
    if not actions:
        return Section("plan", "Optimization plan", ["Without a bottleneck there is no plan."])
    rows = [
        [str(number), each.change, each.gain, each.verify] for number, each in enumerate(actions, 1)
    ]
    columns = ("", "change", "expected gain, by the model", "how to verify")
    says = "In this order: what costs most comes first, and may hide what comes later."
    return Section("plan", "Optimization plan", [says], [Table("", columns, rows)])


def _build_breakdown(runs: Sequence[RunMeasurements]) -> Section:
    rows = [
        [
            step.title,
            str(len(step.totals)),
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
        "time lies within it. The time until the issue holds all work before it as well."
    )
    if not rows:
        return Section("breakdown", "Time by part", ["Not enough data: no event was executed."])
    columns = ("step", "executed", "part", "mean time", "share")
    return Section("breakdown", "Time by part", [says], [Table("", columns, rows)])


def _build_laws(documents: Sequence[Document], runs: Sequence[RunMeasurements]) -> Section:
    checks = [
        [
            check.step,
            f"{check.in_flight:.1f}",
            f"{check.expected:.1f}",
            f"{check.difference:.0%}",
            "holds" if check.holds else "differs",
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
    return Section("laws", "Queueing laws", paragraphs, tables)


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


def _build_resources(runs: Sequence[RunMeasurements]) -> Section:
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
        return Section("resources", "Resources", [says])
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
    return Section("resources", "Resources", [says], [Table("", columns, rows)])


def _build_run(document: Document, run: RunMeasurements) -> Section:
    name = document["scenario"]
    number = _SCENARIO_NUMBERS.get(name)
    title = f"Scenario {number}: {name}" if number else name
    measures = [
        [
            measure["name"],
            describe_measure(measure),
            {True: "met", False: "missed", None: "no target"}[measure["met"]],
        ]
        for measure in document["measures"]
    ]
    quantiles = list(_list_quantiles(document))
    columns = ("step", "sent", "verdicts", "stage", "p50", "p95", "p99")
    tables = [
        Table("Measures", ("", "measured", "verdict"), measures),
        Table("Steps, with intervals of 95 % confidence", columns, quantiles),
    ]
    paragraphs = [
        f"Verdict: {document['verdict']}. Run again: {document['command']}"
        if document.get("command")
        else f"Verdict: {document['verdict']}.",
        *document["notes"],
        *(f"{mark['t']:.0f} s: {mark['text']}" for mark in document["marks"]),
    ]
    kept = [table for table in tables if table.rows]
    return Section(f"scenario-{name}", title, paragraphs, kept, list_figures(document, run))


def _list_quantiles(document: Document) -> Iterable[list[str]]:
    for step in document["steps"]:
        replicas = f", {step['replicas']} replicas" if step["replicas"] else ""
        verdicts = ", ".join(f"{count} {name}" for name, count in step["verdicts"].items())
        head = [f"{step['load']:.4g} {step['phase']}{replicas}", str(step["sent"]), verdicts]
        for stage, estimates in step["quantiles"].items():
            if (
                stage == "end_to_end"
                or document["scenario"] == "baseline"
                or "engine" in document["details"]
            ):
                cells = (estimates[quantile] for quantile in ("p50", "p95", "p99"))
                yield [*head, stage, *map(_format_estimate, cells)]


def _format_estimate(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return "-"
    if estimate["low"] is None or estimate["high"] is None:
        return f"{estimate['value']:.3g} s (too few for an interval)"
    return f"{estimate['value']:.3g} s ({estimate['low']:.3g} to {estimate['high']:.3g})"


def _extend_history(
    earlier: Sequence[Mapping[str, Any]], documents: Sequence[Document]
) -> list[Mapping[str, Any]]:
    """Add these runs to those before; a run that is there already stays once."""
    ids = {document["id"] for document in documents}
    kept = [run for run in earlier if run["id"] not in ids]
    new = [
        {
            "id": document["id"],
            "scenario": document["scenario"],
            "started": document["started"],
            "verdict": document["verdict"],
            "measures": {each["name"]: each["value"] for each in document["measures"]},
        }
        for document in documents
    ]
    return sorted([*kept, *new], key=lambda run: run["started"])[-_KEPT_RUNS * len(ids or "-") :]


def _build_comparison(
    documents: Sequence[Document], history: Sequence[Mapping[str, Any]]
) -> Section:
    tables, paragraphs = [], []
    for document in documents:
        comparison = document.get("comparison")
        name = document["scenario"]
        if not comparison:
            paragraphs.append(f"{name}: no baseline was named.")
        elif comparison["is_new"]:
            paragraphs.append(f"{name}: baseline {comparison['baseline']} was kept from this run.")
        else:
            paragraphs += [f"{name}: {note}" for note in comparison["notes"]]
            rows = [
                [
                    f"{change['load']:g} {change['phase']} {change['stage']} {change['quantile']}",
                    f"{change['before']:.4f} s",
                    f"{change['after']:.4f} s",
                    f"{change['change']:+.0%}",
                    "too few events" if change["p"] is None else f"{change['p']:.4f}",
                    "missed" if change["is_worse"] else "met",
                ]
                for change in comparison["changes"]
            ]
            columns = ("", "baseline", "this run", "change", "p", "not worse")
            tables.append(Table(f"{name}, baseline {comparison['baseline']}", columns, rows))
    for name in dict.fromkeys(run["scenario"] for run in history):
        same = [run for run in history if run["scenario"] == name]
        if len(same) > 1:
            measured = list(dict.fromkeys(key for run in same for key in run["measures"]))
            rows = [
                [
                    run["started"],
                    run["verdict"],
                    *(format_number(run["measures"].get(key)) for key in measured),
                ]
                for run in same
            ]
            tables.append(Table(f"Runs of {name}", ("started", "verdict", *measured), rows))
    return Section(
        "comparison", "Comparison with the baseline and earlier runs", paragraphs, tables
    )


def _build_environment(documents: Sequence[Document]) -> Section:
    keys = list(dict.fromkeys(key for each in documents for key in each["environment"]))
    rows = [
        [key, ", ".join(dict.fromkeys(str(each["environment"].get(key)) for each in documents))]
        for key in keys
    ]
    commands = [
        f"Run again: {command}"
        for command in dict.fromkeys(each["command"] for each in documents if each.get("command"))
    ]
    return Section("environment", "Environment", commands, [Table("", ("", "value"), rows)])
