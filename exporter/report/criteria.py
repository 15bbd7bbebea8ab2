"""Verdicts on the requirements of VAL-008, each with its evidence. Pure.

A requirement is met, missed, or not measurable by these runs, and then the evidence says why. The
ids and texts are those of slos/val-008.yaml.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from exporter.analysis.finding import Diagnosis
from exporter.loadtest.result import ScenarioVerdict
from exporter.loadtest.summary import SIGNS
from slos.schema.contract import Stage

Document = Mapping[str, Any]
_EVEN = 0.9
"""Jain's index from which the load counts as evenly spread."""
_AVAILABILITY = 0.995
_LIMIT = 0.8
_TEN_REPLICAS = 10
_NOTHING_ANALYZED = "no scenario of the prober was run, or none is valid"


class RequirementStatus(StrEnum):
    """Status of a requirement."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURABLE = "not measurable here"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Judgement of a requirement."""

    id: str
    says: str
    status: RequirementStatus
    evidence: str


@dataclass(frozen=True, slots=True)
class Results:
    """Results of the runs: the result files by scenario, and the diagnosis over all.

    Attributes:
        documents: result files; a scenario that a load engine sent has the engine in its name.
        diagnosis: bottlenecks and gaps.
        actions: number of actions of the plan.
        analyzed: scenarios that the diagnosis is of.
    """

    documents: Mapping[str, Document]
    diagnosis: Diagnosis
    actions: int
    analyzed: Sequence[str]

    def find_runs(self, scenario: str) -> tuple[list[Document], str]:
        """Find the runs of a scenario that count; the text says why the others do not."""
        names = [name for name in (scenario, f"{scenario}-k6") if name in self.documents]
        reasons = {name: _explain_exclusion(self.documents[name]) for name in names}
        why = "; ".join(reason for reason in reasons.values() if reason)
        counted = [self.documents[name] for name in names if reasons[name] is None]
        return counted, why or ("" if names else f"{scenario} was not run")

    def find_run(self, scenario: str) -> tuple[Document | None, str]:
        """Find the run that the prober sent, if it counts; the text says why it does not."""
        document = self.documents.get(scenario)
        if document is None:
            return None, f"{scenario} was not run"
        reason = _explain_exclusion(document)
        return (None, reason) if reason else (document, f"{scenario} did not measure it")


def _explain_exclusion(document: Document) -> str | None:
    """Explain why a run shows nothing about the target; None if it does."""
    name = document["scenario"]
    if document["verdict"] == ScenarioVerdict.INVALID:
        reasons = "; ".join(reason["text"] for reason in document["invalid"])
        return f"{name} is invalid: {reasons}"
    if document["verdict"] == ScenarioVerdict.PARTIAL:
        return f"{name} was stopped: {document['reason']}"
    return None


_Judge = Callable[[Results], tuple[RequirementStatus, str]]


def judge_requirements(results: Results) -> list[Judgement]:
    """Judge all requirements."""
    return [Judgement(id_, says, *judge(results)) for id_, says, judge in _REQUIREMENTS]


def _judge_measures(scenario: str, *names: str, prefix: str = "") -> _Judge:
    """Judge by measures of a scenario, of all its runs that count; all must be met.

    Each of the names must be measured. A prefix takes what there is.
    """

    def judge(results: Results) -> tuple[RequirementStatus, str]:
        documents, why = results.find_runs(scenario)
        found = {
            document["scenario"]: [
                measure
                for measure in document["measures"]
                if measure["met"] is not None
                and measure["value"] is not None
                and (measure["name"] in names or (prefix and measure["name"].startswith(prefix)))
            ]
            for document in documents
        }
        evidence = [
            f"{name}: {'; '.join(map(describe_measure, measures))}"
            for name, measures in found.items()
            if measures
        ]
        judged = [measure for measures in found.values() for measure in measures]
        if not all(measure["met"] for measure in judged):
            return RequirementStatus.MISSED, "; ".join(evidence)
        missing = [name for name in names if name not in {each["name"] for each in judged}]
        if judged and not missing:
            return RequirementStatus.MET, "; ".join(evidence)
        gaps = [_explain_gap(document, missing) for document in documents]
        return RequirementStatus.NOT_MEASURABLE, "; ".join(filter(None, [why, *gaps, *evidence]))

    return judge


def _explain_gap(document: Document, missing: Sequence[str]) -> str:
    """Explain why a run did not measure something."""
    known: Mapping[str, str] = document["details"].get("not_measured", {})
    reasons = [f"{name}: {known[name]}" for name in missing if name in known]
    unknown = [name for name in missing if name not in known]
    if unknown or not missing:
        reasons.append(f"{document['scenario']} did not measure {', '.join(unknown) or 'it'}")
    return "; ".join(reasons)


def describe_measure(measure: Mapping[str, Any]) -> str:
    """Describe a measure with its interval and target."""
    if measure["value"] is None:
        return f"{measure['name']} was not observed"
    text = f"{measure['name']} {measure['value']:.4g}{_find_unit(measure)}"
    bounds = [measure["low"], measure["high"]]
    if any(bound is not None for bound in bounds):
        low, high = ("unknown" if bound is None else f"{bound:.4g}" for bound in bounds)
        text += f" ({low} to {high})"
    if measure["target"] is not None:
        sign = SIGNS[measure["at_most"], measure["exclusive"]] or ">="
        text += f", target {sign}{measure['target']:g}{_find_unit(measure)}"
    return text


def _find_unit(measure: Mapping[str, Any]) -> str:
    """Find the unit of a stage: a latency has a highest value, and a rate a lowest."""
    if measure["name"] not in set(Stage):
        return ""
    return " s" if measure["at_most"] else "/s"


def _judge_all(*judges: _Judge) -> _Judge:
    """Judge by all that were measured; one that is missed decides."""

    def judge(results: Results) -> tuple[RequirementStatus, str]:
        found = [each(results) for each in judges]
        text = "; ".join(f"{status}: {evidence}" for status, evidence in found)
        for status in (RequirementStatus.MISSED, RequirementStatus.NOT_MEASURABLE):
            if any(each is status for each, _ in found):
                return status, text
        return RequirementStatus.MET, text

    return judge


def _build_not_measured_judge(why: str) -> _Judge:
    return lambda _: (RequirementStatus.NOT_MEASURABLE, why)


def _judge_cpu(results: Results) -> tuple[RequirementStatus, str]:
    (sustained, why), (baseline, also) = map(results.find_run, ("sustained", "baseline"))
    document = sustained or baseline
    if document is None:
        return RequirementStatus.NOT_MEASURABLE, f"{why}; {also}"
    means = [
        (sum(known) / len(known), process["replica"] or process["name"])
        for process in document["processes"]
        if (known := [value for value in process["columns"]["cpu"] if value is not None])
    ]
    if not means:
        return RequirementStatus.NOT_MEASURABLE, "no readings of the target's processes"
    most, name = max(means)
    text = f"{document['scenario']}: mean {most:.1%} of one processor, {name}"
    return (RequirementStatus.MET if most < _LIMIT else RequirementStatus.MISSED), text


def _judge_distribution(results: Results) -> tuple[RequirementStatus, str]:
    document, why = results.find_run("scalability")
    rows = document["details"].get("scaling", []) if document else []
    indices = [(row["replicas"], row["jain_index"]) for row in rows if row["replicas"] > 1]
    known = [(replicas, index) for replicas, index in indices if index is not None]
    if not known:
        return RequirementStatus.NOT_MEASURABLE, f"the work of each replica is not known: {why}"
    replicas, lowest = min(known, key=lambda each: each[1])
    text = f"scalability: lowest index of Jain {lowest:.3f}, with {replicas} replicas; 1 is even"
    return (RequirementStatus.MET if lowest >= _EVEN else RequirementStatus.MISSED), text


def _judge_availability(results: Results) -> tuple[RequirementStatus, str]:
    events = lost = 0.0
    documents = [
        document
        for scenario in ("baseline", "concurrent", "sustained")
        for document in results.find_runs(scenario)[0]
    ]
    for document in documents:
        for step in document["steps"]:
            known = step["sent"] - step["verdicts"].get("unknown", 0)
            executed = step["verdicts"].get("ok", 0) + step["verdicts"].get("late", 0)
            events, lost = events + known, lost + known - executed
    if not events:
        return (
            RequirementStatus.NOT_MEASURABLE,
            "neither baseline, concurrent nor sustained has a result",
        )
    share = 1 - lost / events
    names = ", ".join(document["scenario"] for document in documents)
    text = f"{names}: {share:.3%} of {events:,.0f} events executed once"
    return (RequirementStatus.MET if share > _AVAILABILITY else RequirementStatus.MISSED), text


def _judge_ten_replicas(results: Results) -> tuple[RequirementStatus, str]:
    document, why = results.find_run("scalability")
    rows = document["details"].get("scaling", []) if document else []
    most = max((row["replicas"] for row in rows), default=0)
    if most < _TEN_REPLICAS:
        return RequirementStatus.NOT_MEASURABLE, f"measured up to {most} replicas" if rows else why
    return _judge_measures("scalability", prefix="efficiency_")(results)


def _judge_identified(results: Results) -> tuple[RequirementStatus, str]:
    found = results.diagnosis.bottleneck
    if not results.analyzed:
        return RequirementStatus.NOT_MEASURABLE, _NOTHING_ANALYZED
    if found is None:
        gaps = len(results.diagnosis.gaps)
        return RequirementStatus.MET, f"none was found; {gaps} questions have not enough data"
    return RequirementStatus.MET, f"{found.title} (confidence {found.confidence})"


def _judge_profiled(results: Results) -> tuple[RequirementStatus, str]:
    found = [name for name, document in results.documents.items() if document["processes"]]
    if not found:
        return RequirementStatus.NOT_MEASURABLE, "no readings of the target's processes"
    return RequirementStatus.MET, f"time by part, and use of the processes: {', '.join(found)}"


def _judge_plan(results: Results) -> tuple[RequirementStatus, str]:
    if not results.analyzed:
        return RequirementStatus.NOT_MEASURABLE, _NOTHING_ANALYZED
    return RequirementStatus.MET, f"{results.actions} actions, in the order of what they cost"


def _judge_scenarios(results: Results) -> tuple[RequirementStatus, str]:
    wanted = ("baseline", "throughput", "concurrent", "sustained", "scalability", "stress")
    verdicts = {
        name: document["verdict"]
        for scenario in wanted
        for name in (scenario, f"{scenario}-k6")
        if (document := results.documents.get(name))
    }
    verdicts |= {name: "not run" for name in wanted if not {name, f"{name}-k6"} & verdicts.keys()}
    text = ", ".join(f"{name} {verdict}" for name, verdict in verdicts.items())
    if any(verdict == ScenarioVerdict.MISSED for verdict in verdicts.values()):
        return RequirementStatus.MISSED, text
    met = all(verdict == ScenarioVerdict.MET for verdict in verdicts.values())
    return (RequirementStatus.MET if met else RequirementStatus.NOT_MEASURABLE), text


def _judge_kept(results: Results) -> tuple[RequirementStatus, str]:
    kept = [name for name, document in results.documents.items() if document.get("comparison")]
    if not kept:
        return RequirementStatus.NOT_MEASURABLE, "no run had --baseline"
    return RequirementStatus.MET, f"baselines of {', '.join(kept)}"


_LATENCIES = _judge_measures("baseline", *(stage.value for stage in Stage))
_RATES = _judge_measures("throughput", *(stage.value for stage in Stage))
_EFFICIENCY = _judge_measures("scalability", prefix="efficiency")
_SUSTAINED = _judge_measures("sustained", "events_per_hour")
_NO_LIMIT = "no limit of the resource is known from outside; the alerts on utilization watch it"

_REQUIREMENTS: Sequence[tuple[str, str, _Judge]] = (
    *(
        (f"AC1.{stage}", says, _judge_measures("baseline", stage.value))
        for stage, says in (
            (Stage.CLOUDEVENT_PROCESSING, "CloudEvent processing: < 5 seconds (P95)"),
            (Stage.LINEAR_ISSUE_CREATION, "Linear issue creation: < 10 seconds (P95)"),
            (Stage.REMEDIATION_SELECTION, "Remediation selection: < 10 seconds (P95)"),
            (Stage.LAMBDA_EXECUTION, "LambdaFunction execution: < 30 seconds (P95)"),
            (Stage.VERIFICATION, "Verification: < 5 minutes (P95)"),
            (Stage.END_TO_END, "End-to-end: < 1 minute (P95)"),
        )
    ),
    *(
        (f"AC2.{name}", says, _judge_measures("throughput", stage.value))
        for name, says, stage in (
            ("cloudevents", "CloudEvents: > 100/second", Stage.CLOUDEVENT_PROCESSING),
            ("linear_issues", "Linear issues: > 50/second", Stage.LINEAR_ISSUE_CREATION),
            (
                "remediation_selections",
                "Remediation selections: > 50/second",
                Stage.REMEDIATION_SELECTION,
            ),
            ("lambda_calls", "LambdaFunction calls: > 20/second", Stage.LAMBDA_EXECUTION),
        )
    ),
    ("AC2.sustained", "Sustained load: > 1000 alerts/hour", _SUSTAINED),
    ("AC3.cpu", "CPU usage: < 80% under normal load", _judge_cpu),
    ("AC3.memory", "Memory usage: < 80% under normal load", _build_not_measured_judge(_NO_LIMIT)),
    (
        "AC3.network",
        "Network bandwidth: < 80% under normal load",
        _build_not_measured_judge(_NO_LIMIT),
    ),
    ("AC3.disk", "Disk I/O: < 80% under normal load", _build_not_measured_judge(_NO_LIMIT)),
    (
        "AC3.cleanup",
        "Resource cleanup works",
        _build_not_measured_judge("the observer of Linear and its alert on leftovers watch it"),
    ),
    ("AC3.leaks", "No memory leaks", _judge_measures("sustained", "leaks")),
    *(
        (
            f"AC4.concurrent_{size}",
            f"{size} concurrent alerts handled",
            _judge_measures("concurrent", f"executed_once_of_{size}"),
        )
        for size in (10, 50, 100)
    ),
    (
        "AC4.no_race",
        "No race conditions",
        _judge_measures("concurrent", "cross_talk", "executed_twice"),
    ),
    ("AC4.no_deadlock", "No deadlocks", _judge_measures("concurrent", "deadlocks")),
    (
        "AC4.degrades_gracefully",
        "Performance degrades gracefully",
        _judge_measures("concurrent", "growth_exponent"),
    ),
    ("AC5.horizontal", "Horizontal scaling works", _EFFICIENCY),
    (
        "AC5.vertical",
        "Vertical scaling works",
        _build_not_measured_judge(
            "it takes two runs of stress, before and after a change of limits"
        ),
    ),
    (
        "AC5.auto_scaling",
        "Auto-scaling triggers correctly",
        _build_not_measured_judge(
            "the scenario sets the replicas itself; an alert watches the autoscaler"
        ),
    ),
    ("AC5.distribution", "Load distribution works", _judge_distribution),
    (
        "AC5.no_single_point",
        "No single point of failure",
        _judge_measures("scalability", "executed_once_while_killed"),
    ),
    ("AC5.linear", "Performance scales linearly", _EFFICIENCY),
    ("AC6.identified", "Bottlenecks identified", _judge_identified),
    ("AC6.documented", "Bottlenecks documented", _judge_identified),
    ("AC6.opportunities", "Optimization opportunities identified", _judge_plan),
    ("AC6.profiled", "Performance profiling done", _judge_profiled),
    ("AC6.plan", "Optimization plan created", _judge_plan),
    ("success.latency", "P95 Latency: All targets met", _LATENCIES),
    ("success.throughput", "Throughput: All targets met", _judge_all(_RATES, _SUSTAINED)),
    (
        "success.concurrency",
        "Concurrent Handling: > 100 concurrent alerts",
        _judge_measures("stress", "held_level"),
    ),
    ("success.scalability", "Scalability: Linear scaling up to 10 replicas", _judge_ten_replicas),
    ("success.availability", "Availability: > 99.5% under load", _judge_availability),
    (
        "done.targets",
        "All performance targets met",
        _judge_all(_LATENCIES, _RATES, _SUSTAINED, _EFFICIENCY),
    ),
    ("done.scenarios", "All test scenarios pass", _judge_scenarios),
    ("done.bottlenecks", "Bottlenecks identified", _judge_identified),
    ("done.plan", "Optimization plan created", _judge_plan),
    ("done.benchmarks", "Performance benchmarks recorded", _judge_kept),
    ("done.scalability", "Scalability validated", _EFFICIENCY),
)
