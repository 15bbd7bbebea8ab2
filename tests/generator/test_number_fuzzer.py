"""Generated unit tests pass on every valid spec, whatever its numbers.

A large run: `FUZZ_SEED=1000 FUZZ_COUNT=1000 pytest --timeout 0 -n0`, and this file.
"""

import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.generator.command_line import run_slo_rules
from tests.generator.promtool import run_rule_tests
from tests.schema.specs import build_slo, build_spec, dump_quoted_yaml

BATCH = 50
FIRST, COUNT = (int(os.environ.get(name, n)) for name, n in (("FUZZ_SEED", 0), ("FUZZ_COUNT", 2)))
SEEDS = [range(n, min(n + BATCH, FIRST + COUNT)) for n in range(FIRST, FIRST + COUNT, BATCH)]

# `@` becomes the grouping, `#` a number.
MEASURED = (
    *("max@(used / size)", "sum@(used) / sum@(size)", "max@(used) / #", "min@(used) * #"),
    *("avg@(used / size)", "1 - min@(free / size)", "# - max@(used)", "max@(used - free)"),
    *("sum@(used{state=~'a|b'}) / #", "(max@(used) + #) / #", "max@(used) ^ 2", "sum@(used)"),
    *("max@(used) / max@(size) * 100", "clamp_max(max@(used) / #, #)", "max@(used / size * #)"),
    *("sum@(rate(seconds_sum[5m])) / sum@(rate(seconds_count[5m]))", "count@(used > #)"),
    *("max@(avg_over_time(used[10m]))", "time() - max@(done)", "sum@(rate(hits[5m]))"),
)
COUNTED = (
    *("sum@(rate(%s[{{.window}}]))", "sum@(increase(%s[{{.window}}]))"),
    *("sum@(rate(%s[{{.window}}])) / #", "sum@(rate(%s[{{.window}}])) * #"),
    *("sum@(rate(%s[{{.window}}]) * #) + sum@(rate(late[{{.window}}]))",),
    *("sum@(count_over_time(%s[{{.window}}]))", "sum@(rate(%s[{{.window}}])) - 0"),
)
RATIOS = (
    *("1 - avg@(avg_over_time(up[{{.window}}]))", "sum@(rate(bad[{{.window}}])) / #"),
    *("sum@(rate(bad[{{.window}}])) / sum@(rate(hits[{{.window}}]))",),
    *("1 - sum@(rate(good[{{.window}}])) / (sum@(rate(hits[{{.window}}])) > #)",),
)
LENGTHS = ("3m", "5m", "10m", "30m", "1h", "2h", "7h", "1d", "1d12h", "3d")
SHORT = (("3m", "4m", "5m"), ("6m", "8m", "10m", "15m"))
# Short and long windows of tickets.
TICKETS = (*4 * (SHORT,), (LENGTHS[1:3], LENGTHS[3:5]), (LENGTHS[4:6], LENGTHS[6:8]))
KINDS = ("threshold", "events", "raw", "gauge", "latency")
SCRAPES = ("5s", "15s", "30s", "60s", "20s")


def draw_number(random: Random) -> float | int:
    """A number of one to four digits, of any size."""
    digits = random.randrange(1, 10 ** random.randrange(1, 5))
    number = digits / 10 ** random.randrange(7)
    return int(number) if number.is_integer() else number


def fill_shape(random: Random, shape: str) -> str:
    grouping = random.choice(("", "", " by (pod)", " by (cluster, pod)"))
    filled = shape.replace("@", f"{grouping} ")
    while "#" in filled:
        filled = filled.replace("#", str(draw_number(random)), 1)
    return filled


def draw_sli(random: Random) -> dict[str, Any]:
    by = random.choice(([], [], ["pod"], ["cluster", "pod"]))
    (kind,) = random.choices(KINDS, (6, 3, 2, 2, 1))
    match kind:
        case "threshold":
            comparison = random.choice(("<", "<=", ">", ">=", "==", "!="))
            value = draw_number(random) * random.choice((1, 1, 1, -1))
            query = fill_shape(random, random.choice(MEASURED))
            return {"threshold": {"query": query, "comparison": comparison, "value": value}}
        case "events":
            shape = fill_shape(random, random.choice(COUNTED))
            queries = {"error_query": shape % "hits{code=~'5..'}", "total_query": shape % "hits"}
            return {"events": queries}
        case "raw":
            return {"raw": {"error_ratio_query": fill_shape(random, random.choice(RATIOS))}}
        case "latency":
            return {"latency": {"metric": "m", "threshold": draw_number(random), "by": by}}
    return {"gauge": {"metric": "up", "by": by}}


def draw_share(random: Random) -> float:
    return round(random.uniform(0.01, 90), random.randrange(4)) or 1


def draw_windows(random: Random) -> dict[str, Any]:
    """Draw windows of alerts. Most are short, as promtool takes time for each minute."""
    windows = {}
    for name, (short, long) in (("page", SHORT), ("ticket", random.choice(TICKETS))):
        windows[name] = {
            pace: {
                "error_budget_percent": draw_share(random),
                "short_window": random.choice(short),
                "long_window": random.choice(long),
            }
            for pace in ("quick", "slow")
        }
    return windows


def draw_alerting(random: Random, number: int) -> dict[str, Any]:
    alerting: dict[str, Any] = {"name": f"A{number}"}
    if random.random() < 0.95:
        alerting["windows"] = draw_windows(random)
    if random.random() < 0.5:
        alerting["threshold_alerts"] = [
            {
                "name": f"T{number}",
                "above": f"{draw_share(random)}%",
                "over": random.choice((*LENGTHS[:4], *LENGTHS[:4], *LENGTHS[:-1])),
            }
        ]
    options = {"for": random.choice(LENGTHS[:3]), "keep_firing_for": random.choice(LENGTHS[:5])}
    for name in ("page_alert", "ticket_alert"):
        if random.random() < 0.3:
            alerting[name] = dict([random.choice([*options.items()])])
    return alerting


def draw_slo(seed: int) -> dict[str, Any]:
    random = Random(seed)
    objective = round(random.uniform(90, 99.9999), random.randrange(5))
    return build_slo(
        name=f"s{seed}",
        objective=min(objective, 99.9999),
        period=random.choice(("30d", "28d", "7d", "90d", "2d", "31d")),
        sli=draw_sli(random),
        alerting=draw_alerting(random, seed),
    )


def draw_documents(seeds: range) -> bytes:
    """A document for each scrape interval that the SLOs of the seeds have."""
    slos: dict[str, list[dict[str, Any]]] = {}
    for seed in seeds:
        slos.setdefault(SCRAPES[seed % len(SCRAPES)], []).append(draw_slo(seed))
    return b"---\n".join(
        dump_quoted_yaml(build_spec(*found, service=f"by-{scrape}", scrape_interval=scrape))
        for scrape, found in slos.items()
    )


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_generated_tests_of_any_numbers_pass(tmp_path: Path, seeds: range) -> None:
    path, out = tmp_path / "spec.yaml", tmp_path / "out"
    path.write_bytes(draw_documents(seeds))
    result = run_slo_rules("build", path, "-o", out, "--format", "tests")
    assert result.exit_code == 0, result.output
    # The other files, which need more time, are left to large runs.
    pattern = "*.yaml" if "FUZZ_COUNT" in os.environ else "*-counting.yaml"
    run_rule_tests(*sorted(out.rglob(pattern)))
