"""Rules over a history by a real Prometheus: which alerts fire, and when.

Recording rules are evaluated over the whole history, level by level, and what they give is written
back. Alerts are evaluated at the beats of their groups, and `for` and `keep_firing_for` applied.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from generator.model import AlertingRule, RecordingRule, Rule, RuleGroup
from slos.schema.units import Duration
from tests.benchmarks.prometheus import BenchmarkPrometheus, run_prometheus
from tests.benchmarks.recording import RecordingTask, build_full_tasks, get_interval
from tests.benchmarks.traffic import MINUTE, START
from tests.e2e.remote_write import FloatSample, Series, write_series
from tests.e2e.replay.history import STALE, History, Labels
from tests.generator.promtool import read_groups, select_rules
from tests.k8s.manifests import K8S, build_objects

RULES = Path(__file__).resolve().parents[3] / "rules" / "prometheus"

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PART = re.compile(r"(\d+)(ms|[smhd])")
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SAMPLES_IN_ONE_REQUEST = 50_000
# Nothing is written to disk, so that a series may begin hours before the last sample.
IN_MEMORY = ("--storage.tsdb.min-block-duration=1000h", "--storage.tsdb.max-block-duration=1000h")
_REMOTE_WRITE = "--web.enable-remote-write-receiver"


@dataclass(frozen=True, slots=True, order=True)
class Episode:
    """An alert that fires from one minute up to another; no end if it still fires."""

    labels: Labels
    start: float
    end: float | None

    @property
    def name(self) -> str:
        """Name of the alert."""
        return dict(self.labels)["alertname"]


def read_rules(
    names: Iterable[str] | None = None, *, overlay: str | None = None
) -> list[RuleGroup]:
    """Read the built alerts with these names, all by default, and the rules behind them.

    Args:
        names: names of alerts.
        overlay: the overlay whose rules they are; by default those of all specs.
    """
    groups = _read_overlay_groups(overlay) if overlay else _read_all_groups()
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    wanted = alerts if names is None else set(names)
    checks = [{"alertname": name} for name in sorted(wanted)]
    return [
        RuleGroup(
            group["name"],
            _read_duration(group.get("interval")),
            tuple(
                _read_rule(rule)
                for rule in group["rules"]
                if "record" in rule or rule["alert"] in wanted
            ),
        )
        for group in select_rules(groups, {"alert_rule_test": checks})
    ]


def _read_all_groups() -> list[dict[str, Any]]:
    return [group for path in sorted(RULES.glob("*.yaml")) for group in read_groups(path)]


def _read_overlay_groups(name: str) -> list[dict[str, Any]]:
    objects = build_objects(K8S / "overlays" / name / "rules")
    return [group for each in objects for group in each["spec"]["groups"]]


def _read_rule(rule: dict[str, Any]) -> Rule:
    labels = rule.get("labels", {})
    if "record" in rule:
        return RecordingRule(rule["record"], rule["expr"], labels)
    durations = [_read_duration(rule.get(key)) for key in ("for", "keep_firing_for")]
    return AlertingRule(rule["alert"], rule["expr"], labels, {}, *durations)


def _read_duration(text: str | None) -> Duration | None:
    return Duration(sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))) if (
        text
    ) else None  # fmt: skip


def list_alert_rules(groups: Sequence[RuleGroup]) -> list[AlertingRule]:
    """List the alerting rules of groups."""
    return [rule for group in groups for rule in group.rules if isinstance(rule, AlertingRule)]


def list_metrics(groups: Sequence[RuleGroup]) -> set[str]:
    """List every name in the expressions of rules, metrics among them."""
    return {name for group in groups for rule in group.rules for name in _NAME.findall(rule.expr)}


def find_episodes(
    groups: Sequence[RuleGroup], history: History, folder: Path, *, minutes: range
) -> list[Episode]:
    """Evaluate rules over some minutes of a history; list the episodes of all alerts.

    Nothing before the first minute is known, and the first minute is the start.
    """
    end = START + (minutes.stop - minutes.start) * MINUTE
    with run_prometheus(folder, _REMOTE_WRITE, *IN_MEMORY) as server:
        _write(server.url, history.list_samples(range(minutes.start * 2, minutes.stop * 2)))
        tasks = build_full_tasks(cast("Any", SimpleNamespace(groups=groups)), lambda _: 0)
        for level in sorted({task.level for task in tasks}):
            recorded = [
                series
                for task in tasks
                if task.level == level
                for series in _record(task, server, end)
            ]
            _write(server.url, recorded)
        found = [
            Episode(labels, first + minutes.start, last and last + minutes.start)
            for group in groups
            for rule in list_alert_rules([group])
            for labels, first, last in _evaluate_alert(server, rule, get_interval(group), end)
        ]
    return sorted(found, key=lambda each: (each.start, each.labels))


def _write(url: str, series: Iterable[tuple[Labels, list[tuple[int, float]]]]) -> None:
    batch: list[Series] = []
    size = 0
    for labels, samples in series:
        batch.append((dict(labels), [FloatSample(time, value) for time, value in samples]))
        size += len(samples)
        if size > _SAMPLES_IN_ONE_REQUEST:
            write_series(url, batch)
            batch, size = [], 0
    if batch:
        write_series(url, batch)


def _record(
    task: RecordingTask, server: BenchmarkPrometheus, end: int
) -> Iterator[tuple[Labels, list[tuple[int, float]]]]:
    """Evaluate a recording rule; a series that ends is marked, as by the rule manager."""
    interval = get_interval(task.group)
    for each in server.evaluate_range(task.rule.expr, START, end, interval):
        samples: list[tuple[int, float]] = []
        for time, value in each.samples:
            if samples and time > samples[-1][0] + interval:
                samples.append((samples[-1][0] + interval, STALE))
            samples.append((time, float(value)))
        if samples[-1][0] + interval <= end:
            samples.append((samples[-1][0] + interval, STALE))
        labels = {**each.labels, **task.rule.labels, "__name__": task.rule.record}
        yield tuple(sorted(labels.items())), samples


def _evaluate_alert(
    server: BenchmarkPrometheus, rule: AlertingRule, interval: int, end: int
) -> Iterator[tuple[Labels, float, float | None]]:
    """Evaluate an alert; yield its labels, and the minutes at which it begins and ends to fire."""
    wait = rule.for_.ms if rule.for_ else 0
    keep = rule.keep_firing_for.ms if rule.keep_firing_for else 0
    for each in server.evaluate_range(rule.expr, START, end, interval):
        labels = {**each.labels, **rule.labels, "alertname": rule.alert}
        key = tuple(sorted((name, text) for name, text in labels.items() if "{{" not in text))
        times = {time for time, _ in each.samples}
        active_since = fires_since = last_active = None
        for time in range(START, end + 1, interval):
            if time in times:
                active_since = time if active_since is None else active_since
                last_active = time
                if fires_since is None and time - active_since >= wait:
                    fires_since = time
            elif fires_since is not None and last_active is not None:
                # It is kept from the first evaluation without a value on.
                if time - last_active >= keep + interval:
                    yield key, _to_minute(fires_since), _to_minute(time)
                    active_since = fires_since = None
            else:
                active_since = None
        if fires_since is not None:
            yield key, _to_minute(fires_since), None


def _to_minute(time: int) -> float:
    return (time - START) / MINUTE
