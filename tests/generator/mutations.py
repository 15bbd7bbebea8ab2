"""Mutants of rules, and the list of equivalent mutants."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Rule = dict[str, Any]

# Zero stays zero: half as much again of nothing.
_NUMBER = re.compile(r"(?<![\w\".])(?!0(?![.\d]))(\d+(?:\.\d+)?)(?![\w\"])")
_RANGE = re.compile(r"(?<=\[)(\w+)(?=[\]:])|(?<=offset )(\w+)")
_COMPARISON = re.compile(r"(?<=\s)(>=|<=|==|!=|>|<)(?=\s)")
_OPPOSITE_COMPARISONS: dict[str, str] = {
    ">": "<",
    "<": ">",
    ">=": "<",
    "<=": ">",
    "==": "!=",
    "!=": "==",
}
_STRING = re.compile(r'"(?:\\.|[^"\\])*"')
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)("(?:\\.|[^"\\])*")')
_OPPOSITE_OPERATORS = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}

FIRST_VALUES = "when a counter has appeared, and gaps, are tried by test_counting_mutants"
EQUIVALENT_MUTATIONS = {
    r"^[A-Z]\w+(?<!NoData): without sloth_id": "the other side of `and` has it, "
    "and sides match by all labels",
    r"^[A-Z]\w+: sloth_id=\S+ becomes sloth_id!=\S+ at 1[0-9]\d$": "the zero of a shortest window "
    "without events is tried by test_alert_values",
    r"^slo:sli_error:ratio_rate\w+: without sloth_id": "both sides of the division have it",
    r"^slo:sli_error:ratio_rate\d+[mh]: \S+9ms becomes \S+ at (1[3-9]|2\d)\d$": "the mean of "
    "a total "
    "that is constant is the same over any range; pages are tried on young histories",
    r"^AgentSRENeverChecked: (3h|1d) becomes": "what runs all the time has a result "
    "within any range",
    r"^AgentSRENeverChecked: deployment=~\S+ becomes": "a Deployment of another name counts in "
    "its place; AgentSREReplicasMissing has the same matcher",
    r"^AgentSREAcceptedOutdated: without result=\"pass\"": "criteria with any other result are "
    "left out by `unless`",
    r"^AgentSREScenarioOverdue: 999 becomes": "it only has to be more than eight days",
    r"^SLOProbeUnhealthy: 1h becomes": "a share that is constant is the same over any range",
    r"^slo:period_error_budget_remaining:ratio: without sloth_id": "both sides of the product "
    "have it",
    r"^slo:period_(events|coverage):\w+: without sloth_id": "the sums that it reads are recorded "
    "in the same test, so there are none of another SLO",
    r"^slo:(period_\w+|sli_error):\w+: 20m becomes": "the newest sample of the coarse "
    "group is at most ten minutes old",
    r"^slo:sli_coverage:ratio1w: \S+ becomes 9\d+ms": "counts as old as the period are covered by "
    "the other side of `or`",
    r"^slo:sli_(total|errors):sum10m: 20m becomes": "the newest total is of the same evaluation",
    r"^slo:sli_(total|errors):sum10m: 9m50s becomes \d+ms at 20[24]$": "the sum of two "
    "steps of a gauge is the same then; the same condition of counts of events is tried",
    r"^slo:sli_(total|errors):sum1m: 50s becomes 33333ms": "the fine tier is evaluated once in a "
    "step here, and more often in test_evaluation_intervals",
    r"^slo:sli_coverage:ratio\w+: 1h10m becomes": "without a gap, there is a sample in each",
    r"^slo:sli_(total|errors):sum10m: (10m30s|23m30s|1h30s|1410|5040|"
    r"without instance|instance!=\S+ becomes)": FIRST_VALUES,
    r"^slo:sli_(total|errors):sum10m: 9m59s999ms becomes 899998ms": FIRST_VALUES,
    r"^agent_sre_validation_dominating_stage_ratio: 1 becomes 1\.5": "topk takes whole "
    "numbers, and cuts others off",
    r"^AgentSRELoadUneven: 1 becomes 1\.5": "a count is whole",
    r"^AgentSRE(ReplicasMissing|ContainerWithoutLimits|ValidationWatchdog): 0\.01 becomes "
    r"0\.006": "its values are whole, and so are multiples of both",
    r"^AgentSRENoData: 0\.01 becomes": "its texts are without the value",
    r"^(AgentSREUnavailable: |AgentSRE(Unavailable|ConcurrencyFailing)Ticket: 23h)59m\S+ becomes "
    r"(5399998|129599998)ms": "older errors fulfil the condition of the longer window, but for a "
    "few per cent; the same range of the longest window is tried",
    r"^AgentSRECalledAfterVerdictTicket: (1\.4|0\.01) becomes (2\.0|0\.015)": "evaluations half an "
    "hour apart step over it; AgentSREUnavailableTicket has the same condition",
    r"^AgentSREAcceptedOutdated: 1 becomes 1\.5 at 9": "numbers of replicas are whole",
    r"^SLOProbeUnhealthy: 1 becomes 0\.6\d+ at 5": "a rejected configuration is 0, and anything "
    "above 0 fires",
    r"^SLORulesFailing: a shorter for": "80 seconds are two rounds of a minute, as two minutes are",
    r"^agent_sre_validation_resource_utilization_ratio: without (pod|container)=~": "pods and "
    "containers are those of both sides of the division, or of the sum",
    r"^agent_sre_validation_memory_floor_bytes: without": "both sides of `and` have it",
    r"^AgentSREContainerWithoutLimits: without namespace=\S+ at [23]\d\d": "the containers before "
    "`unless` have it, and are matched by it",
}


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change to one rule.

    Attributes:
        group: the name of its group.
        rule: as it was.
        description: its name and what is changed.
        mutated_rule: as it is then.
    """

    group: str
    rule: Rule
    description: str
    mutated_rule: Rule


def generate_mutations(groups: list[dict[str, Any]]) -> Iterator[Mutation]:
    """All changes to all rules of some groups, one at a time."""
    for group in groups:
        for rule in group["rules"]:
            name = rule.get("record") or rule.get("alert")
            for description, mutated_rule in _mutate_rule(rule):
                yield Mutation(group["name"], rule, f"{name}: {description}", mutated_rule)


def counts_raw_series(rule: Rule) -> bool:
    """Return whether a rule counts increments, over restarts and gaps."""
    counts = str(rule.get("record")).startswith(("slo:sli_errors:", "slo:sli_total:"))
    return counts and "rate(" in rule["expr"]


def _mutate_rule(rule: Rule) -> Iterator[tuple[str, Rule]]:
    everywhere = counts_raw_series(rule)
    for description, expr in _mutate_expression(rule["expr"], everywhere=everywhere):
        yield description, {**rule, "expr": expr}
    for label, value in rule.get("labels", {}).items():
        labels = {**rule["labels"], label: f"{value}x"}
        yield f"label {label}", {**rule, "labels": labels}
    for hold in [key for key in ("for", "keep_firing_for") if key in rule]:
        yield f"a longer {hold}", {**rule, hold: _lengthen_duration(rule[hold])}
        yield f"a shorter {hold}", {**rule, hold: _shorten_duration(rule[hold])}
        yield f"no {hold}", {key: value for key, value in rule.items() if key != hold}


def _mutate_expression(expr: str, *, everywhere: bool) -> Iterator[tuple[str, str]]:
    """Each change in each place where it can be made, or in all its places at once."""
    places: dict[tuple[str, str, int | None], list[tuple[int, int]]] = {}
    for start, end, new in (*_mutate_numbers(expr), *_mutate_matchers(expr)):
        position = None if everywhere else start
        places.setdefault((expr[start:end], new, position), []).append((start, end))
    for (old, new, position), spans in places.items():
        changed = expr
        for start, end in reversed(spans):
            changed = changed[:start] + new + changed[end:]
        description = f"{old} becomes {new}" if new else f"without {old}"
        yield (
            description if position is None else f"{description} at {position}",
            _remove_dangling_commas(changed),
        )


def _mutate_numbers(expr: str) -> Iterator[tuple[int, int, str]]:
    """Numbers, ranges and comparisons: where they stand, and another for each."""
    strings = [found.span() for found in _STRING.finditer(expr)]
    for pattern, change in _CHANGES:
        for found in pattern.finditer(expr):
            if not any(start <= found.start() < end for start, end in strings):
                yield *found.span(), change(found.group(0))


def _mutate_matchers(expr: str) -> Iterator[tuple[int, int, str]]:
    """Each matcher is left out, and is turned."""
    for found in _MATCHER.finditer(expr):
        yield *found.span(), ""
        yield *found.span(), f"{found[1]}{_OPPOSITE_OPERATORS[found[2]]}{found[3]}"


def _remove_dangling_commas(expr: str) -> str:
    """Without the comma that a matcher leaves behind."""
    return re.sub(r",\s*}", "}", re.sub(r"{\s*,\s*", "{", re.sub(r",\s*,", ",", expr)))


def _lengthen_duration(length: str) -> str:
    """A length half as long again."""
    return f"{_parse_ms(length) * 3 // 2}ms"


def _shorten_duration(length: str) -> str:
    """A length that is the other one's share of it."""
    return f"{_parse_ms(length) * 2 // 3}ms"


def _parse_ms(length: str) -> int:
    units = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
    parts = re.findall(r"(\d+)(ms|[wdhms])", length)
    return sum(int(number) * units[unit] for number, unit in parts)


def _increase_number(text: str) -> str:
    return str(float(text) * 1.5)


def _decrease_number(text: str) -> str:
    return str(float(text) / 1.5)


_CHANGES = (
    *(
        (_NUMBER, _increase_number),
        (_NUMBER, _decrease_number),
        (_RANGE, _lengthen_duration),
        (_RANGE, _shorten_duration),
    ),
    (_COMPARISON, _OPPOSITE_COMPARISONS.__getitem__),
)


def find_reason(description: str) -> str:
    """Why a mutant may live; empty where it may not."""
    return next(
        (
            explanation
            for pattern, explanation in EQUIVALENT_MUTATIONS.items()
            if re.search(pattern, description)
        ),
        "",
    )
