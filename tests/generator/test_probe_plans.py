"""Alerts on the runs that the overlays plan: silence while all is well, and time until a page.

PLAN_HOURS=25 tests a day of the studio's plan.
"""

import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path

import pytest

from tests.generator.promtool import check_rules_on_series, read_groups, select_rules

RULES = Path(__file__).parents[2] / "rules" / "prometheus"
HOUR, SCRAPE = 3600, 30
HOURS = int(os.environ.get("PLAN_HOURS", "3"))
pytestmark = pytest.mark.timeout(180 * HOURS)
# promtool evaluates every group at every step, so coarse counts, and with them tickets, are wrong.
ALERTS = ("AgentSREUnavailable", "SLOProbeDown")
FIRING = f'ALERTS{{alertname=~"{"|".join(ALERTS)}", alertstate="firing"}}'
PAGE = 'ALERTS{alertname="AgentSREUnavailable", alertstate="firing"}'

# Path, seconds between two slots, and events of a slot: the defaults of the prober with the probes
# and paths of k8s/overlays.
REMEDIATION, RESOLVED, SUSTAINED = ("direct", 75, 1), ("direct", 600, 1), ("direct", 3.5, 1)
DEV = (REMEDIATION, RESOLVED)
PRO = (*DEV, ("broker", 75, 1), ("direct", HOUR, 10), ("direct", HOUR, 50))
STUDIO = (*PRO, ("direct", HOUR, 100), SUSTAINED, ("alertmanager", 600, 1))
Plan = tuple[tuple[str, float, int], ...]
Faults = Mapping[str, tuple[str, float, float]]
"""Verdict of the runs on a path, from the first second to the last."""


def count_runs(plan: Plan, faults: Faults, end: int) -> Iterator[dict[str, str]]:
    """The counters of runs as Prometheus reads them; each starts at zero, as the prober's do."""
    runs: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for number, (path, interval, events) in enumerate(plan):
        bad, begin, until = faults.get(path, ("lost", math.inf, math.inf))
        for slot in range(int(end / interval)):
            # The verdict comes some seconds after the slot, and slots of probes are apart.
            at = slot * interval + 7 * number + 11
            verdict = bad if begin <= at < until else "ok"
            runs[path, verdict][math.ceil(at / SCRAPE)] += events
    for (path, verdict), added in runs.items():
        # Ten seconds beside the evaluations: aligned samples count up to a third more or less.
        totals = accumulate(added[sample] for sample in range(end // SCRAPE))
        name = f'agent_sre_validation_probe_runs_total{{path="{path}", verdict="{verdict}"}}'
        yield {"series": name, "values": " ".join(f"_ {total} _" for total in totals)}


def check(
    folder: Path, plan: Plan, faults: Faults, hours: int, expected: dict[str, list[str]]
) -> None:
    """Check which paths page, or that no alert fires, at some times."""
    checks = [
        {
            "expr": f"count by (path) ({PAGE})" if paths else f"max_over_time({FIRING}[{at}])",
            "eval_time": at,
            "exp_samples": [{"labels": f'{{path="{path}"}}', "value": 1} for path in paths],
        }
        for at, paths in expected.items()
    ]
    groups = [
        group
        for file in sorted(RULES.glob("*.yaml"))
        for group in read_groups(file)
        if group["name"].startswith(("slo-fine-agent-sre-availability", "slo-alert-SLOProbeDown"))
        and not group["name"].endswith("-under-load")
    ]
    selected = select_rules(groups, {"promql_expr_test": [{"expr": " ".join(ALERTS)}]})
    (folder / "rules.yaml").write_text(json.dumps({"groups": selected}))
    end = hours * HOUR
    up = {"series": 'up{job="slo-probe"}', "values": f"1x{end // 10}"}
    check_rules_on_series(folder, [up, *count_runs(plan, faults, end)], checks, interval="10s")


def test_nothing_fires_while_all_is_well_but_one_run_of_a_rare_path(tmp_path: Path) -> None:
    lost = {"alertmanager": ("lost", HOUR, HOUR + 600)}
    check(tmp_path, STUDIO, lost, HOURS, {f"{HOURS}h": []})


def test_a_dead_path_pages_although_it_has_one_of_two_hundred_runs(tmp_path: Path) -> None:
    dead = {"alertmanager": ("lost", 0, math.inf)}
    expected = {"15m": [], "35m": ["alertmanager"], f"{HOURS}h": ["alertmanager"]}
    check(tmp_path, STUDIO, dead, HOURS, expected)


@pytest.mark.parametrize(
    ("plan", "minutes"), [(STUDIO, 7), (PRO, 9), (DEV, 9)], ids=["studio", "pro", "dev"]
)
def test_a_total_outage_pages_within_ten_minutes(tmp_path: Path, plan: Plan, minutes: int) -> None:
    """The slowest verdict, `timeout`, comes 70 s later than this one."""
    often = sorted({path for path, *_ in plan} - {"alertmanager"})
    gone = dict.fromkeys((*often, "alertmanager"), ("unreachable", 2 * HOUR, math.inf))
    check(tmp_path, plan, gone, 3, {"2h": [], f"2h{minutes}m": often})
