"""Episodes of a backtest against those of a real Prometheus that evaluates the built rules."""

import os
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from generator.backtest.history import (
    GroupHistory,
    Span,
    build_histories,
    list_queries,
    reshape_samples,
)
from generator.backtest.replay import list_alerts, replay_alerts
from generator.clients.range_queries import RangeQuery, RangeReader
from generator.model import SLO, AlertingRule, Rule
from generator.rules.alert_rules import is_in_fine_group
from generator.rules.groups import load_groups
from tests.benchmarks.prometheus import run_prometheus
from tests.benchmarks.traffic import MINUTE, START
from tests.e2e.replay.evaluation import IN_MEMORY, find_episodes
from tests.e2e.replay.history import History
from tests.generator.spec_pipeline import resolve_document
from tests.schema.specs import build_slo, build_spec

Episodes = list[tuple[float, float | None]]
Found = dict[tuple[str, str], Episodes]

HISTORIES = int(os.environ.get("BACKTEST_HISTORIES", "20"))
SEED = int(os.environ.get("BACKTEST_SEED", "1"))
MINUTES = 12 * 60
SCRAPES = 2 * MINUTES


def build_window(percent: float, short: str, long: str) -> dict[str, Any]:
    return {"error_budget_percent": percent, "short_window": short, "long_window": long}


def build_query(metric: str) -> str:
    return f"sum by (history) (rate({metric}[{{{{.window}}}}]))"


SLI = {
    "events": {
        "error_query": build_query("shop_failures_total"),
        "total_query": build_query("shop_requests_total"),
    }
}
SLICES = "avg by (history) (avg_over_time(shop_broken[{{.window}}]))"
# Windows of a few hours, so that each kind of alert fires and ends within the histories.
SHORT_WINDOWS = {
    "page": {"quick": build_window(2, "5m", "20m"), "slow": build_window(3, "10m", "1h")},
    "ticket": {"quick": build_window(4, "20m", "7h"), "slow": build_window(2, "30m", "8h20m")},
}
SPEC = build_spec(
    build_slo(name="default", objective=99, sli=SLI, alerting={"name": "Default"}),
    build_slo(
        name="waiting",
        objective=95,
        period="7d",
        sli=SLI,
        alerting={
            "name": "Waiting",
            "windows": SHORT_WINDOWS,
            "page_alert": {"for": "3m", "keep_firing_for": "10m"},
            "ticket_alert": {"for": "10m", "keep_firing_for": "5m"},
        },
    ),
    build_slo(
        name="guarded",
        objective=97,
        period="1d",
        sli=SLI,
        alerting={
            "name": "Guarded",
            "page_alert": {"min_events": 200},
            "ticket_alert": {"min_errors": 5, "keep_firing_for": "1m"},
            "threshold_alerts": [
                {"name": "Many", "above": "20%", "over": "15m", "for": "2m"},
                {"name": "Long", "above": "6%", "over": "3h"},
            ],
        },
    ),
    build_slo(
        name="sliced",
        objective=90,
        period="1d",
        sli={"raw": {"error_ratio_query": SLICES}},
        alerting={"name": "Sliced"},
    ),
    delay="2m",
)


def simulate(history: History, number: int) -> None:
    """Counters with incidents, quiet hours, restarts and missed scrapes."""
    random = Random(SEED * 1000 + number)
    binomial = np.random.default_rng(SEED * 1000 + number).binomial
    labels = {"history": str(number), "job": "shop", "instance": f"shop-{number}"}
    requests = failures = 0
    traffic, share, broken = random.choice((1, 5, 200)), 0.0, 0.0
    missing_until = 0
    for scrape in range(SCRAPES):
        if random.random() < 1 / 60:
            share = random.choice((0, 0, 0, 0.003, 0.02, 0.08, 0.3, 1))
            broken = random.choice((0, 0, 0.05, 0.3, 1))
        if random.random() < 1 / 200:
            traffic = random.choice((0, 1, 5, 200))
        if random.random() < 1 / 400:
            requests = failures = 0
        if random.random() < 1 / 300:
            missing_until = scrape + random.randint(1, 40)
            history.end_series(scrape, ("history", str(number)))
        if scrape < missing_until:
            continue
        events = random.randint(0, 2 * traffic)
        requests += events
        failures += int(binomial(events, share))
        history.set_value(scrape, "shop_requests_total", labels, float(requests))
        history.set_value(scrape, "shop_failures_total", labels, float(failures))
        history.set_value(scrape, "shop_broken", labels, broken)


@pytest.fixture(scope="module")
def history() -> History:
    """All histories; each has labels of its own."""
    built = History(["shop_requests_total", "shop_failures_total", "shop_broken"])
    for number in range(HISTORIES):
        simulate(built, number)
    return built


def is_alert(rule: Rule, name: str) -> bool:
    return isinstance(rule, AlertingRule) and rule.alert == name


def list_expected(slo: SLO, history: History, folder: Path) -> Found:
    """Episodes of each alert and history, in minutes."""
    absent = slo.absent_alert.name if slo.absent_alert else ""
    groups = [
        replace(group, rules=tuple(each for each in group.rules if not is_alert(each, absent)))
        for group in (module.build_group(slo) for module in load_groups())
    ]
    found: Found = {}
    for each in find_episodes(groups, history, folder, minutes=range(MINUTES)):
        key = (each.name, dict(each.labels)["history"])
        found.setdefault(key, []).append((each.start, each.end))
    return found


def find_step(slo: SLO, name: str) -> float:
    """Minutes between two evaluations of an alert."""
    (alert,) = [each for each in list_alerts(slo) if each.meta.name == name]
    return (slo.steps.fine if is_in_fine_group(slo, alert) else slo.steps.slow).ms / MINUTE


def read_histories(slo: SLO, folder: Path) -> list[GroupHistory]:
    span = Span(START, START, START + MINUTES * MINUTE)
    with run_prometheus(folder, *IN_MEMORY) as server:
        reader = RangeReader(server.url)
        answers = reader.read(
            [
                RangeQuery(query.expr, span.read_from, span.end, query.step.ms)
                for query in list_queries(slo)
            ]
        )
    return build_histories(slo, span, list(map(reshape_samples, answers)))


SLOS, _ = resolve_document(SPEC)


def list_found(slo: SLO, folder: Path) -> Found:
    return {
        (firing.alert.meta.name, dict(each.labels)["history"]): [
            (_to_minute(other.start), None if other.end is None else _to_minute(other.end))
            for other in firings
            if other.alert == firing.alert
        ]
        for each in read_histories(slo, folder)
        for firings in (replay_alerts(slo, each),)
        for firing in firings
    }


def _to_minute(time: int) -> float:
    return (time - START) / MINUTE


def list_unmatched(episodes: Episodes, others: Episodes, step: float) -> Episodes:
    """Episodes of more than one evaluation without another whose ends are as near as one."""
    return [
        (start, end)
        for start, end in episodes
        if (end is None or end - start > step)
        and not any((start, end) == pytest.approx(each, abs=step) for each in others)
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("slo", SLOS, ids=[slo.name for slo in SLOS])
def test_alerts_fire_within_one_evaluation_of_those_of_a_real_prometheus(
    slo: SLO, history: History, tmp_path: Path
) -> None:
    expected = list_expected(slo, history, tmp_path)
    found = list_found(slo, tmp_path)
    # Each alert of the SLO fires somewhere, and not everywhere.
    assert {name for name, _ in expected} == {each.meta.name for each in list_alerts(slo)}
    for key in found.keys() | expected.keys():
        step = find_step(slo, key[0])
        ours, theirs = found.get(key, []), expected.get(key, [])
        assert list_unmatched(ours, theirs, step) == [], key
        assert list_unmatched(theirs, ours, step) == [], key
    every = [(key, each) for key, episodes in expected.items() for each in episodes]
    exact = [each for key, episodes in found.items() for each in episodes if (key, each) in every]
    # A ratio that is exactly a threshold may be above it by the last bit in one of both.
    assert len(exact) >= 0.97 * len(every)
