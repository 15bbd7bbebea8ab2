"""The alert that VAL-008 names, on the results that the prober counts on its own schedule.

`PLAN_DAYS=14` tries the healthy houses over two weeks.
"""

import json
import os
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.generator.probe_plan import (
    OVERLAYS,
    ROOT,
    SCRAPE,
    PlannedProber,
    SpoilRun,
    format_samples,
    load_overlay,
)
from tests.generator.promtool import check_rules_on_series, read_groups, select_rules

ALERT = "AgentSREValidationFailureRateHigh"
FIRING = f'ALERTS{{alertname="{ALERT}", alertstate="firing"}}'
MINUTE, HOUR = 60.0, 3600.0
DAYS = float(os.environ.get("PLAN_DAYS", "0.1"))
DAY = int(24 * HOUR / SCRAPE)
BEFORE = int(HOUR / SCRAPE)
"""Scrapes before a day, until which what is seen of the first samples no longer counts."""
ONSET = HOUR / 2
RARE = 0.001
"""Share of runs that fail on a healthy house, each for itself."""


@cache
def read_alert_groups() -> list[dict[str, Any]]:
    """The group of the alert; other SLOs record series of the same names."""
    groups = read_groups(ROOT / "rules" / "prometheus" / "agent-sre.yaml")
    selected = select_rules(groups, {"alert_rule_test": [{"alertname": ALERT}]})
    return [group for group in selected if any("alert" in rule for rule in group["rules"])]


def check_alert(
    folder: Path, series: Mapping[str, Sequence[float]], span: float, *, fires: bool
) -> None:
    """Check whether the alert fires within the last seconds of the series."""
    (length,) = {len(values) for values in series.values()}
    expr = f"max(max_over_time({FIRING}[{span:.0f}s]))"
    samples = [{"labels": "{}", "value": 1}] if fires else []
    at = f"{(length - 1) * SCRAPE:.0f}s"
    checks = [{"expr": expr, "eval_time": at, "exp_samples": samples}]
    folder.mkdir(exist_ok=True)
    (folder / "rules.yaml").write_text(json.dumps({"groups": read_alert_groups()}))
    lines = [{"series": each, "values": format_samples(values)} for each, values in series.items()]
    check_rules_on_series(folder, lines, checks)


@pytest.mark.timeout(180 if DAYS < 1 else 1800)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_is_silent_on_a_healthy_house_with_accepted_and_rare_failures(
    tmp_path: Path, overlay: str
) -> None:
    chance = random.Random(overlay)
    prober = PlannedProber(load_overlay(overlay), lambda _: chance.random() < RARE)
    seconds = DAYS * 24 * HOUR
    series = prober.count_results(seconds)

    def check_day(start: int) -> None:
        """Check one day; promtool takes longer per day with each day that it has."""
        span = slice(max(start - BEFORE, 0), start + DAY + 1)
        day = {each: values[span] for each, values in series.items()}
        check_alert(tmp_path / str(start), day, DAY * SCRAPE, fires=False)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(check_day, range(0, int(seconds / SCRAPE), DAY)))


@pytest.mark.parametrize("seed", range(3))
def test_it_fires_within_six_minutes_when_one_run_in_ten_fails_at_the_rates_of_studio(
    tmp_path: Path, seed: int
) -> None:
    prober = PlannedProber(load_overlay("studio"), spoil_one_in_ten(random.Random(seed)))
    series = prober.count_results(ONSET + 6 * MINUTE)
    check_alert(tmp_path, series, 6 * MINUTE, fires=True)


def spoil_one_in_ten(chance: random.Random) -> SpoilRun:
    """Let one run of every ten fail from the onset on, at a random place among the ten."""
    ten: list[bool] = []

    def spoil(at: float) -> bool:
        if at < ONSET:
            return False
        if not ten:
            ten.extend(chance.sample([True] + [False] * 9, 10))
        return ten.pop()

    return spoil
