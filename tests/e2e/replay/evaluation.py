"""Rules over a history by Prometheus's own engine: which alerts fire, and when."""

import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from exporter.devstack.stack import find_binary
from tests.e2e.replay.history import History
from tests.generator.promtool import read_groups, select_rules

RULES = Path(__file__).resolve().parents[3] / "rules" / "prometheus"

_FIRING = 'ALERTS{alertstate="firing"}'
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_MOMENT = re.compile(r'expr: ".*", time: (\S+),')
_SAMPLE = re.compile(r'\{__name__="ALERTS", (.*?)\} [0-9E+.]+')
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_UNITS = {"d": 1440.0, "h": 60.0, "m": 1.0, "s": 1 / 60}


@dataclass(frozen=True, slots=True, order=True)
class Episode:
    """An alert that fires from one minute up to another; no end if it still fires."""

    labels: tuple[tuple[str, str], ...]
    start: float
    end: float | None

    @property
    def name(self) -> str:
        """Name of the alert."""
        return dict(self.labels)["alertname"]


def read_rules() -> list[dict[str, Any]]:
    """Read all built groups."""
    return [group for path in sorted(RULES.glob("*.yaml")) for group in (yaml_groups(path))]


def yaml_groups(path: Path) -> list[dict[str, Any]]:
    """Read the groups of a file; one that holds notes only has none."""
    return read_groups(path) if "\ngroups:" in path.read_text() else []


def select_alerts(
    groups: list[dict[str, Any]], names: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """Select alerts, all by default, and the rules behind them."""
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    wanted = {rule["alert"] for rule in alerts} if names is None else set(names)
    checks = [{"alertname": name} for name in sorted(wanted)]
    return [
        {**group, "rules": [rule for rule in group["rules"] if rule.get("alert", "") in wanted
                            or "record" in rule]}
        for group in select_rules(groups, {"alert_rule_test": checks})
    ]  # fmt: skip


def list_metrics(groups: list[dict[str, Any]]) -> set[str]:
    """List every name in the expressions of rules, metrics among them."""
    return {
        name for group in groups for rule in group["rules"] for name in _NAME.findall(rule["expr"])
    }


def find_episodes(
    groups: list[dict[str, Any]],
    history: History,
    folder: Path,
    *,
    minutes: range,
) -> list[Episode]:
    """Evaluate rules at some minutes of a history; list the episodes of all alerts.

    Nothing before the first minute is known. promtool shows the alerts that fire at a time when a
    check of it expects others.
    """
    moments = range(0, minutes.stop - minutes.start, minutes.step)
    nothing_fires = [{"labels": '{is="not there"}', "value": 1}]
    checks = [
        {"expr": _FIRING, "eval_time": f"{moment}m", "exp_samples": nothing_fires}
        for moment in moments
    ]
    test = {
        "interval": "30s",
        "input_series": history.render(range(minutes.start * 2, minutes.stop * 2)),
        "promql_expr_test": checks,
    }
    document = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{minutes.step}m",
        "tests": [test],
    }
    (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))
    (folder / "test.yaml").write_text(json.dumps(document))
    program = find_binary("promtool")
    assert program, "promtool is missing; run 'make tools'"
    done = subprocess.run(
        [program, "test", "rules", "test.yaml"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert "error evaluating rule" not in output, output[:2000]
    firing = _read_firing(output)
    assert set(firing) == set(moments), output[:2000]
    return [
        replace(
            each,
            start=each.start + minutes.start,
            end=None if each.end is None else each.end + minutes.start,
        )
        for each in join_episodes(firing, step=minutes.step)
    ]


def _read_firing(output: str) -> dict[int, set[tuple[tuple[str, str], ...]]]:
    """Read what fires at each minute from the words of promtool."""
    firing: dict[int, set[tuple[tuple[str, str], ...]]] = {}
    moment = None
    for line in output.splitlines():
        if match := _MOMENT.search(line):
            moment = _read_minutes(match[1])
            firing[moment] = set()
        elif moment is not None and line.strip().startswith("got:"):
            text = line.strip().removeprefix("got: ")
            firing[moment] |= {_read_labels(found) for found in _SAMPLE.findall(text)}
    return firing


def _read_minutes(text: str) -> int:
    return round(sum(float(number) * _UNITS[unit] for number, unit in
                     re.findall(r"(\d+)([dhms])", text)))  # fmt: skip


def _read_labels(text: str) -> tuple[tuple[str, str], ...]:
    labels = {name: json.loads(f'"{value}"') for name, value in _LABEL.findall(text)}
    del labels["alertstate"]
    return tuple(sorted(labels.items()))


def join_episodes(
    firing: dict[int, set[tuple[tuple[str, str], ...]]], *, step: int = 1
) -> list[Episode]:
    """Join neighbouring minutes of one alert."""
    episodes = []
    last = max(firing, default=0)
    for labels in sorted(set().union(*firing.values())):
        minutes: Sequence[int] = sorted(each for each in firing if labels in firing[each])
        start = previous = minutes[0]
        for minute in (*minutes[1:], None):
            if minute is None or minute > previous + step:
                end = None if minute is None and previous == last else float(previous + step)
                episodes.append(Episode(labels, float(start), end))
                start = minute if minute is not None else start
            previous = minute if minute is not None else previous
    return sorted(episodes, key=lambda each: (each.start, each.labels))
