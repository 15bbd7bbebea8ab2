"""Checks of a running Prometheus: are the built rules loaded, and do their metrics exist?"""

from collections import Counter
from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.alerting.model import list_selector_matchers
from generator.alerting.route_matching import match_labels
from generator.clients.server_state import LiveRule, PrometheusState
from generator.doctor import CheckResult, CheckStatus, list_names
from generator.model import SLO, RecordingRule, Rule, RuleGroup
from slos.schema import promql
from slos.schema.compatibility import list_label_matchers, read_metric_name
from slos.schema.promql_printer import print_template
from slos.schema.units import format_count


def check_prometheus(
    groups: Sequence[RuleGroup], slos: Sequence[SLO], state: PrometheusState
) -> Iterator[CheckResult]:
    """Check the rules, metrics, targets and retention of a Prometheus.

    Args:
        groups: the built rule groups.
        slos: the resolved SLOs.
        state: state of the Prometheus.
    """
    yield check_loaded_rules(groups, state)
    yield check_rule_errors(groups, state)
    yield check_metrics(groups, state)
    yield from check_targets(groups, state)
    yield check_retention(slos, state)
    if state.alertmanagers is None:
        yield CheckResult(
            "alertmanagers",
            CheckStatus.WARNING,
            "the server does not say where alerts are sent",
            "check notifier.url of vmalert",
        )
    elif state.alertmanagers:
        yield CheckResult("alertmanagers", CheckStatus.OK, f"alerts go to {state.alertmanagers[0]}")
    else:
        yield CheckResult(
            "alertmanagers",
            CheckStatus.FAILED,
            "Prometheus sends alerts to no Alertmanager",
            "set alerting.alertmanagers, or spec.alerting of the Prometheus object",
        )


def check_loaded_rules(groups: Sequence[RuleGroup], state: PrometheusState) -> CheckResult:
    """Check that every built group is loaded, with the rules of this build."""
    missing = [group.name for group in groups if group.name not in state.groups]
    stale = [
        group.name
        for group in groups
        if group.name in state.groups and not _is_loaded(group, state.groups[group.name])
    ]
    repeated = [group.name for group in groups if _is_repeated(state.groups.get(group.name, ()))]
    if missing:
        hint = (
            "apply them; a PrometheusRule is read only if its labels and its namespace match "
            "ruleSelector and ruleNamespaceSelector of the Prometheus object"
        )
        message = f"{len(missing)} of {format_count(len(groups), 'rule group')} not loaded"
        return CheckResult("rules", CheckStatus.FAILED, f"{message}: {list_names(missing)}", hint)
    if stale:
        message = f"{format_count(len(stale), 'rule group')} not of this build"
        hint = "apply the built rules again; check the flags of the build, such as --extra-labels"
        return CheckResult("rules", CheckStatus.FAILED, f"{message}: {list_names(stale)}", hint)
    if repeated:
        message = f"{format_count(len(repeated), 'rule group')} loaded more than once"
        hint = "remove the other rule file or object; both write the same series"
        return CheckResult("rules", CheckStatus.FAILED, f"{message}: {list_names(repeated)}", hint)
    loaded = format_count(len(groups), "rule group")
    return CheckResult("rules", CheckStatus.OK, f"all rules of {loaded} loaded")


def _is_loaded(group: RuleGroup, live: Sequence[LiveRule]) -> bool:
    """Tell whether a group has all of its rules; a namespace label may have been enforced."""
    loaded = {(rule.name, normalize_query(rule.query), rule.for_seconds) for rule in live}
    return all(_identify_rule(rule) in loaded for rule in group.rules)


def _is_repeated(live: Sequence[LiveRule]) -> bool:
    """Tell whether a rule is there twice, as from a second file with the same group."""
    rules = Counter((rule.name, rule.query, *sorted(rule.labels.items())) for rule in live)
    return any(count > 1 for count in rules.values())


def _identify_rule(rule: Rule) -> tuple[str, str, float]:
    query = normalize_query(rule.expr)
    if isinstance(rule, RecordingRule):
        return rule.record, query, 0.0
    return rule.alert, query, rule.for_.ms / 1000 if rule.for_ else 0.0


def normalize_query(query: str) -> str:
    """Normalize a query as Prometheus does, which sorts the matchers of each selector."""
    tree = promql.parse_query(query)
    text = print_template(tree)
    for node in promql.walk_nodes(tree):
        if isinstance(node, ast.VectorSelector):
            matchers = sorted(
                map(promql.format_matcher, list_label_matchers(node)),
            )
            ordered = promql.format_selector(read_metric_name(node), *matchers)
            text = text.replace(promql.format_vector_selector(node), ordered)
    return text


def check_rule_errors(groups: Sequence[RuleGroup], state: PrometheusState) -> CheckResult:
    """Check that the loaded rules are evaluated without errors."""
    failing = {
        rule.name: rule.error
        for group in groups
        for rule in state.groups.get(group.name, ())
        if rule.error
    }
    if not failing:
        return CheckResult("evaluation", CheckStatus.OK, "no rule has an error")
    name, error = next(iter(failing.items()))
    message = f"{format_count(len(failing), 'rule')} with errors: {list_names([*failing])}"
    return CheckResult("evaluation", CheckStatus.FAILED, message, f"{name}: {error}")


def check_metrics(groups: Sequence[RuleGroup], state: PrometheusState) -> CheckResult:
    """Check that every metric that the rules read, and do not record, exists."""
    rules = [rule for group in groups for rule in group.rules]
    recorded = {rule.record for rule in rules if isinstance(rule, RecordingRule)}
    readers: dict[str, str] = {}
    for rule in rules:
        for metric in map(promql.read_selector_metric, promql.list_selectors(rule.expr)):
            if metric and metric not in recorded:
                readers.setdefault(metric, _get_name(rule))
    missing = sorted(metric for metric in readers if metric not in state.metrics)
    read = format_count(len(readers), "metric")
    if not missing:
        return CheckResult("metrics", CheckStatus.OK, f"all of {read} that the rules read exist")
    shown = list_names([f"{metric} (read by {readers[metric]})" for metric in missing])
    return CheckResult(
        "metrics",
        CheckStatus.FAILED,
        f"{len(missing)} of {read} that the rules read missing: {shown}",
        "scrape them; a counter of events that never happened is missing until the first one",
    )


def _get_name(rule: Rule) -> str:
    return rule.record if isinstance(rule, RecordingRule) else rule.alert


def check_targets(groups: Sequence[RuleGroup], state: PrometheusState) -> Iterator[CheckResult]:
    """Check that every `up{...}` that the rules read is a scrape target, and that it is up."""
    selectors = {
        selector: _get_name(rule)
        for group in groups
        for rule in group.rules
        for selector in promql.list_selectors(rule.expr)
        if promql.read_selector_metric(selector) == "up"
    }
    for selector, reader in selectors.items():
        matchers = list_selector_matchers(selector)
        targets = [each for each in state.targets if match_labels(matchers, each.labels)]
        down = [each for each in targets if each.health != "up"]
        scrapes = Counter(each.url for each in state.targets)
        twice = [each.url for each in targets if scrapes[each.url] > 1]
        if not targets:
            jobs = sorted({each.labels.get("job", "") for each in state.targets})
            yield CheckResult(
                "targets",
                CheckStatus.FAILED,
                f"no scrape target matches {selector}, which {reader} reads",
                f"add its ServiceMonitor or scrape job; jobs of this Prometheus: "
                f"{list_names(jobs, shown=20) or 'none'}",
            )
        elif twice:
            jobs = [each.labels.get("job", "") for each in state.targets if each.url == twice[0]]
            yield CheckResult(
                "targets",
                CheckStatus.FAILED,
                f"{twice[0]} is scraped {scrapes[twice[0]]} times, by the jobs {list_names(jobs)}",
                "remove all but one ServiceMonitor or scrape job; every event is counted by each",
            )
        elif down:
            message = f"{down[0].url} is {down[0].health}"
            yield CheckResult("targets", CheckStatus.FAILED, message, down[0].error)
        else:
            message = f"{format_count(len(targets), 'target')} up for {selector}"
            yield CheckResult("targets", CheckStatus.OK, message)


def check_retention(slos: Sequence[SLO], state: PrometheusState) -> CheckResult:
    """Check that samples are kept as long as the longest period of an SLO."""
    retention = state.retention
    if retention is None:
        message = "retention is limited by size only, and cannot be compared with the periods"
        hint = "set --storage.tsdb.retention.time"
        return CheckResult("retention", CheckStatus.WARNING, message, hint)
    too_long = [f"{slo.id} ({slo.period})" for slo in slos if slo.period > retention]
    if too_long:
        return CheckResult(
            "retention",
            CheckStatus.FAILED,
            f"retention of {retention} is shorter than the period of {list_names(too_long)}",
            "shorten the period of the SLO, or keep samples longer",
        )
    return CheckResult("retention", CheckStatus.OK, f"retention of {retention} covers all periods")
