"""A backfill computes what the rule manager of Prometheus records, value by value.

promtool evaluates the groups one time after the other over the same raw samples, as a running
Prometheus does. `BACKFILL_HOURS=168` compares a week.
"""

import json
import math
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from generator import names
from generator.backfill.computation import Computation, read_computed
from generator.backfill.samples import SeriesByLabels
from generator.backfill.tasks import RuleTask, list_tasks, set_times
from generator.clients.range_queries import RangeReader
from generator.clients.temporary_prometheus import TemporaryPrometheus, run_temporary_prometheus
from generator.model import RecordingRule, SpecPlan
from tests.benchmarks.tsdb import find_tool
from tests.e2e.remote_write import FloatSample, write_series
from tests.generator.promtool import check_rules_on_series, read_groups
from tests.generator.spec_pipeline import build_plans
from tests.schema.specs import build_slo, build_spec

SCRAPE, HOUR = 60_000, 3_600_000
HOURS = int(os.environ.get("BACKFILL_HOURS", "8"))
# Every interval divides it, so that the groups have the same times as in promtool, which begins
# at zero.
BEGIN = 20_000 * 24 * HOUR
_TOTAL = "sum by (zone) (rate(shop_requests_total[{{.window}}]))"
_ERRORS = 'sum by (zone) (rate(shop_requests_total{code="500"}[{{.window}}]))'
DOCUMENT = build_spec(
    build_slo(
        name="by-zone",
        labels={"team": "web"},
        sli={"events": {"error_query": _ERRORS, "total_query": _TOTAL}},
        alerting={"name": "ByZone"},
    ),
    build_slo(
        name="latency",
        sli={"latency": {"metric": "shop_seconds", "threshold": "500ms"}},
        alerting={"name": "Latency"},
    ),
    build_slo(
        name="gauge", sli={"gauge": {"metric": "shop_healthy"}}, alerting={"name": "Unhealthy"}
    ),
    build_slo(
        name="raw",
        sli={"raw": {"error_ratio_query": "avg_over_time(shop_ratio:avg[{{.window}}])"}},
        alerting={"name": "Raw"},
    ),
    period="6h30m",
    scrape_interval="1m",
    recordings=[
        {
            "record": "shop_ratio:avg",
            "description": "Ratio.",
            "query": "avg(shop_ratio)",
            "example": [{"series": "shop_ratio", "times": 1}],
            "expect": 0.5,
        }
    ],
)
_PART = 24 * HOUR
_FIRST_COUNTER, _FIRST_GAUGE, _FIRST_RATIO = 6, 9, 10
RawSeries = dict[str, list[float | None]]


def build_history(scrapes: int) -> RawSeries:
    """Counters that reset, appear and disappear, and a gap of an instant selector.

    A group has two counters, as the order of a sum of more decides its last digit. Each kind
    begins so that its first coarse step ends at a whole step: promtool evaluates all groups at
    every fine step, and the first record decides the times of the next ones.
    """
    random = Random("backfill")
    series: RawSeries = {}
    for zone, alive in (
        ("x", range(_FIRST_COUNTER, scrapes)),
        ("y", range(scrapes // 3, scrapes - 90)),
    ):
        for code, rate in (("200", 90), ("500", 3)):
            labels = f'code="{code}",instance="{zone}-1",job="shop",zone="{zone}"'
            exposed = alive if code == "200" else range(alive.start + scrapes // 8, alive.stop)
            series[f"shop_requests_total{{{labels}}}"] = _count(random, scrapes, exposed, rate)
    fast = _count(random, scrapes, range(_FIRST_COUNTER, scrapes), 60)
    for bound, share in (("0.5", 0.5), ("2", 0.8), ("+Inf", 1.0)):
        series[f'shop_seconds_bucket{{instance="a",job="shop",le="{bound}"}}'] = [
            None if value is None else value * share for value in fast
        ]
    series['shop_seconds_count{instance="a",job="shop"}'] = fast
    gap = range(scrapes // 2, scrapes // 2 + 12)
    series['shop_healthy{instance="a",job="shop"}'] = [
        None if number < _FIRST_GAUGE or number in gap[:3] else float(random.random() < 0.98)
        for number in range(scrapes)
    ]
    series['shop_ratio{instance="a"}'] = [
        None if number < _FIRST_RATIO or number in gap else random.random() / 50
        for number in range(scrapes)
    ]
    return series


def _count(random: Random, scrapes: int, exposed: range, rate: int) -> list[float | None]:
    values: list[float | None] = []
    value = 0.0
    for number in range(scrapes):
        value = 0.0 if random.random() < 0.002 else value + random.randrange(rate)
        missed = random.random() < 0.01 and number > exposed.start + 1
        values.append(value if number in exposed and not missed else None)
    return values


@pytest.fixture
def history() -> RawSeries:
    return build_history(HOURS * HOUR // SCRAPE)


@pytest.fixture
def spec_plans() -> list[SpecPlan]:
    plan = build_plans(DOCUMENT)
    assert not plan.has_errors, plan.problems
    return [each for one in plan.plans for each in one.spec_plans]


def parse_labels(series: str) -> dict[str, str]:
    metric, _, labels = series.rstrip("}").partition("{")
    pairs = (each.partition("=") for each in labels.split(","))
    return {"__name__": metric, **{name: value.strip('"') for name, _, value in pairs}}


def compute_history(
    history: RawSeries, spec_plans: list[SpecPlan]
) -> list[tuple[RuleTask, SeriesByLabels]]:
    program = str(find_tool("prometheus"))
    with run_temporary_prometheus(program) as server, run_temporary_prometheus(program) as store:
        write_history(server, history)
        return compute_all(server, store, spec_plans)


def write_history(server: TemporaryPrometheus, history: RawSeries) -> None:
    for series, values in history.items():
        samples = [
            FloatSample(BEGIN + number * SCRAPE, value)
            for number, value in enumerate(values)
            if value is not None
        ]
        write_series(server.url, [(parse_labels(series), samples)])


def compute_all(
    server: TemporaryPrometheus, store: TemporaryPrometheus, spec_plans: list[SpecPlan]
) -> list[tuple[RuleTask, SeriesByLabels]]:
    end = BEGIN + HOURS * HOUR
    reader = RangeReader(server.url, longest_chunk=24 * HOUR)
    tasks = set_times(
        list_tasks(spec_plans),
        BEGIN,
        end,
        lambda selector: reader.find_first_sample(selector, BEGIN, end),
    )
    metrics = frozenset(task.rule.record for task in tasks)
    computation = Computation(reader, reader, store, metrics, end)
    for number, task in enumerate(tasks):
        if task.times:
            computation.compute_task(number, task)
        computation.copy_recorded(task, tasks)
    return [(task, read_computed(store, task, BEGIN, end)) for task in tasks]


def write_rules(folder: Path, spec_plans: list[SpecPlan]) -> None:
    groups = [
        {
            "name": group.name,
            "interval": str(group.interval),
            "rules": [
                {"record": rule.record, "expr": rule.expr, "labels": dict(rule.labels)}
                for rule in group.rules
                if isinstance(rule, RecordingRule)
            ],
        }
        for plan in spec_plans
        for group in plan.groups
    ]
    groups = [group for group in groups if group["rules"]]
    (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))


def format_expected(metric: str, found: SeriesByLabels, interval: int) -> Iterator[dict[str, str]]:
    for labels, samples in found.items():
        values = ((name, value) for name, value in labels if name != "__name__")
        text = ",".join(f"{name}={json.dumps(value)}" for name, value in values)
        listed = " ".join(list_grid_values(dict(samples), interval))
        yield {"series": f"{metric}{{{text}}}", "values": listed}


def build_checks(task: RuleTask, metric: str, wrong_at: int | None = None) -> list[dict[str, Any]]:
    """Count the evaluations at which a rule has another value, or a value at another time.

    Each check is about a part of the history, as promtool limits the samples of a query.
    """
    difference = (
        f"{task.series} != {metric} or {task.series} unless {metric}"
        f" or {metric} unless {task.series}"
    )
    checks = []
    for start in range(0, HOURS * HOUR, _PART):
        end = min(start + _PART, HOURS * HOUR) - task.interval
        steps = f"[{(end - start) // 1000}s:{task.interval // 1000}s]"
        count = f"count_over_time(count({difference}){steps})"
        is_wrong = wrong_at is not None and start <= wrong_at - BEGIN < start + _PART
        checks.append(
            {
                "expr": f"{count} or vector(0)",
                "eval_time": f"{end // 1000}s",
                "exp_samples": [{"labels": "{}", "value": int(is_wrong)}],
            }
        )
    return checks


def list_grid_values(samples: dict[int, float], interval: int) -> Iterator[str]:
    """Values at each scrape, with a marker at the first evaluation without one."""
    is_known = False
    for time in range(BEGIN, BEGIN + HOURS * HOUR, SCRAPE):
        if time in samples:
            yield f"{Decimal(repr(samples[time])):f}"
            is_known = True
        else:
            ends = is_known and (time - BEGIN) % interval == 0
            yield "stale" if ends else "_"
            is_known = is_known and not ends


def test_a_backfill_gives_the_values_of_the_rule_manager(
    tmp_path: Path, history: RawSeries, spec_plans: list[SpecPlan]
) -> None:
    computed = compute_history(history, spec_plans)
    assert [task.series for task, found in computed if not found] == []
    write_rules(tmp_path, spec_plans)
    series = [
        {"series": name, "values": " ".join("_" if v is None else f"{v:.17g}" for v in values)}
        for name, values in history.items()
    ]
    checks = []
    for number, (task, found) in enumerate(computed):
        metric = f"expected:{number}"
        series += format_expected(metric, found, task.interval)
        checks += build_checks(task, metric)
        if task.rule.record == names.PERIOD_COVERAGE:
            # The last digit of one value is wrong, which the comparison has to notice.
            labels, samples = next(iter(found.items()))
            last, value = samples[-1]
            wrong = {**found, labels: [*samples[:-1], (last, math.nextafter(value, 0))]}
            series += format_expected(f"wrong:{number}", wrong, task.interval)
            checks += build_checks(task, f"wrong:{number}", last)
    groups = [group["name"] for group in read_groups(tmp_path / "rules.yaml")]
    # A recording is there when the SLO that reads it is evaluated.
    groups.sort(key=lambda name: not name.startswith("slo-recording-"))
    check_rules_on_series(tmp_path, series, checks, interval="1m", step="1m", group_order=groups)
