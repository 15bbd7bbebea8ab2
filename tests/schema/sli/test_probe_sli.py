"""The `probe` SLI: names and values of the contract, and exactly one condition."""

import re

import promql_parser
import pytest

from slos.schema import contract
from slos.schema.contract import Criterion, CriterionResult, RunAcceptance, Stage, Verdict
from slos.schema.promql import parse_query, render_template, walk_nodes
from tests.schema.specs import parse_signal

LABELS: dict[str, set[str]] = {
    "stage": set(Stage),
    "verdict": set(Verdict),
    "criterion": set(Criterion),
    "result": set(CriterionResult),
    "accepted": set(RunAcceptance),
}
METRICS = {
    contract.PROBE_RUNS,
    contract.CHECKS,
    contract.RESULTS,
    f"{contract.STAGE_DURATION}_bucket",
    f"{contract.STAGE_DURATION}_count",
}
EVERY = (
    [{"stage": stage.value, "below": "5s"} for stage in Stage]
    + [{"verdict": verdict.value} for verdict in Verdict]
    + [{"criterion": criterion.value} for criterion in Criterion]
    + [{"criterion": "all"}, {"verdict": ["ok", "late"]}]
)


@pytest.mark.parametrize("probe", EVERY, ids=str)
def test_a_probe_sli_reads_only_what_the_contract_names(probe: dict[str, str]) -> None:
    signal = parse_signal({"probe": probe})
    for query in (signal.errors, signal.total, *signal.sources):
        for node in walk_nodes(parse_query(render_template(query, "5m"))):
            if not isinstance(node, promql_parser.VectorSelector):
                continue
            assert node.name in METRICS
            for matcher in node.matchers.matchers:
                if matcher.name == "le":
                    continue
                for value in matcher.value.split("|"):
                    assert re.sub(r"\\(.)", r"\1", value) in LABELS[matcher.name]


def list_matching(values: type[Verdict], query: str) -> set[Verdict]:
    """The verdicts whose runs a query with one matcher counts."""
    found = re.search(r'verdict(=~|!~|!=|=)"([^"]*)"', query)
    assert found
    operator, pattern = found.groups()
    hit = {value for value in values if re.fullmatch(pattern, value)}
    return hit if operator in ("=", "=~") else set(values) - hit


def test_every_verdict_but_the_good_ones_and_unknown_is_an_error() -> None:
    signal = parse_signal({"probe": {"verdict": ["ok", "late"]}})
    assert list_matching(Verdict, signal.errors) == set(Verdict) - {
        Verdict.OK,
        Verdict.LATE,
        Verdict.UNKNOWN,
    }


def test_runs_the_prober_could_not_judge_are_in_neither_errors_nor_total() -> None:
    for verdict in Verdict:
        signal = parse_signal({"probe": {"verdict": verdict.value}})
        assert list_matching(Verdict, signal.total) == set(Verdict) - {Verdict.UNKNOWN}
        assert Verdict.UNKNOWN not in list_matching(Verdict, signal.errors)


def test_failed_checks_are_the_errors_of_a_criterion() -> None:
    signal = parse_signal({"probe": {"criterion": "AC3.leaks"}})
    leaks = r'criterion=~"AC3\\.leaks"'
    assert signal.total == f"sum (rate({contract.CHECKS}{{{leaks}}}[{{{{.window}}}}]))"
    errors = f'{contract.CHECKS}{{{leaks}, result="fail"}}'
    assert signal.errors == f"sum (rate({errors}[{{{{.window}}}}]))"


@pytest.mark.parametrize("criterion", ["all", ["AC3.leaks", "all"]])
def test_failed_runs_are_the_errors_of_all_criteria(criterion: object) -> None:
    signal = parse_signal({"probe": {"criterion": criterion}})
    assert signal.total == f"sum (rate({contract.RESULTS}[{{{{.window}}}}]))"
    assert signal.errors == f'sum (rate({contract.RESULTS}{{result="fail"}}[{{{{.window}}}}]))'


def test_a_stage_nobody_observed_has_no_data() -> None:
    signal = parse_signal({"probe": {"stage": "verification", "below": "5m"}})
    assert not signal.errors_may_be_absent
    (source,) = signal.sources
    assert 'stage="verification"' in source
    assert '"300|300\\\\.0"' in source
