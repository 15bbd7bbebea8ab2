"""Content of the report over all runs of a folder. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from exporter.analysis.bottleneck import diagnose
from exporter.analysis.finding import Diagnosis
from exporter.analysis.measurements import RunMeasurements, read_measurements
from exporter.analysis.plan import Action, plan_optimizations
from exporter.loadtest.result import ScenarioVerdict
from exporter.report import ReportSection, Table, format_number
from exporter.report.analysis_sections import (
    build_bottlenecks_section,
    build_breakdown_section,
    build_laws_section,
    build_plan_section,
    build_resources_section,
)
from exporter.report.criteria import Document, Judgement, Results, describe_measure
from exporter.report.criteria import judge_requirements as judge
from exporter.report.figures import list_figures

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

    sections: Sequence[ReportSection]
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
    results = Results(
        {each["scenario"]: each for each in ordered},
        diagnosis,
        len(actions),
        [run.scenario for run in judged],
    )
    judgements = judge(results)
    history = _extend_history(earlier, ordered)
    sections = [
        _build_summary(ordered),
        _build_criteria(judgements),
        build_bottlenecks_section(diagnosis),
        build_plan_section(actions),
        build_breakdown_section(sampled),
        build_laws_section(ordered, sampled),
        build_resources_section(sampled),
        *(_build_run(document, run) for document, run in zip(ordered, runs, strict=True)),
        _build_comparison(ordered, history),
        _build_environment(ordered),
    ]
    return Report(sections, judgements, diagnosis, actions, history)


def _build_summary(documents: Sequence[Document]) -> ReportSection:
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
    return ReportSection("runs", "Runs", tables=[Table("", columns, rows)])


def _build_criteria(judgements: Sequence[Judgement]) -> ReportSection:
    tables = []
    for group in dict.fromkeys(each.id.partition(".")[0] for each in judgements):
        rows = [
            [each.says, each.status.value, each.evidence]
            for each in judgements
            if each.id.partition(".")[0] == group
        ]
        tables.append(Table(group, ("requirement", "verdict", "evidence"), rows))
    says = "Met, missed, or not measurable by these runs; then the evidence says why."
    return ReportSection("criteria", "Acceptance criteria of VAL-008", [says], tables)


def _build_run(document: Document, run: RunMeasurements) -> ReportSection:
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
    return ReportSection(f"scenario-{name}", title, paragraphs, kept, list_figures(document, run))


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
) -> ReportSection:
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
    return ReportSection(
        "comparison", "Comparison with the baseline and earlier runs", paragraphs, tables
    )


def _build_environment(documents: Sequence[Document]) -> ReportSection:
    keys = list(dict.fromkeys(key for each in documents for key in each["environment"]))
    rows = [
        [key, ", ".join(dict.fromkeys(str(each["environment"].get(key)) for each in documents))]
        for key in keys
    ]
    commands = [
        f"Run again: {command}"
        for command in dict.fromkeys(each["command"] for each in documents if each.get("command"))
    ]
    return ReportSection("environment", "Environment", commands, [Table("", ("", "value"), rows)])
