"""Recording rules on a real VictoriaMetrics and a real Prometheus, compared."""

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import requests

from exporter.devstack import stack
from generator.model import RecordingRule, RuleGroup
from generator.text import yaml_writer
from tests.benchmarks import counters, prometheus, recording, tsdb
from tests.benchmarks.counters import ERRORS, TOTAL, ProcessRun, SyntheticCounter
from tests.benchmarks.methods import BenchmarkTarget, Method, ours
from tests.benchmarks.traffic import HOUR, MINUTE, SCRAPE, SECOND, START
from tests.benchmarks.tsdb import find_tool

Labels = tuple[tuple[str, str], ...]

COARSE_DELAY = 3 * MINUTE + SCRAPE
"""Age of the newest sample that the coarse tier reads."""


@dataclass(frozen=True, slots=True)
class VictoriaServer:
    """A running one."""

    url: str
    folder: Path

    def load(self, counters: Iterable[SyntheticCounter]) -> None:
        """Take in all samples of some counters."""
        for each in counters:
            labels = ",".join(f'{name}="{value}"' for name, value in each.labels.items())
            lines = (
                f"{each.metric}{{{labels}}} {value} {at}\n" for at, value in each.generate_samples()
            )
            self._post("/api/v1/import/prometheus", "".join(lines))
        self.settle()

    def settle(self) -> None:
        """Make all that was written readable."""
        requests.get(f"{self.url}/internal/force_flush", timeout=10).raise_for_status()

    def replay(self, groups: Sequence[RuleGroup], start: int, end: int) -> None:
        """Have vmalert evaluate rules over a span of the past; times in milliseconds."""
        rules = self.folder / "rules.yaml"
        rules.write_text("\n".join(yaml_writer.render_mapping(yaml_writer.map_groups(groups))))
        done = subprocess.run(
            [
                find_tool("vmalert"),
                f"-rule={rules}",
                f"-datasource.url={self.url}",
                f"-remoteWrite.url={self.url}",
                f"-replay.timeFrom={_format_time(start)}",
                f"-replay.timeTo={_format_time(end)}",
                "-replay.rulesDelay=0s",
                "-replay.disableProgressBar",
                # Evaluated at the beats of the group, not every five minutes.
                "-datasource.queryStep=0s",
                "-disableAlertgroupLabel",
                "-httpListenAddr=127.0.0.1:0",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        self.settle()

    def series(self, metric: str) -> dict[Labels, dict[int, float]]:
        """Every sample of a metric, by series and time."""
        answer = requests.get(f"{self.url}/api/v1/export", params={"match[]": metric}, timeout=10)
        found = {}
        for each in map(json.loads, answer.text.splitlines()):
            labels = {name: value for name, value in each["metric"].items() if name != "__name__"}
            samples = dict(zip(each["timestamps"], each["values"], strict=True))
            found[tuple(sorted(labels.items()))] = samples
        return found

    def _post(self, path: str, body: str) -> None:
        requests.post(self.url + path, data=body, timeout=10).raise_for_status()


@contextmanager
def run_victoria(folder: Path) -> Iterator[VictoriaServer]:
    """VictoriaMetrics over an empty folder."""
    port = stack.find_free_port()
    url = f"http://127.0.0.1:{port}"
    child = stack.start_process(
        "victoria-metrics",
        [
            find_tool("victoria-metrics"),
            f"-storageDataPath={folder / 'victoria'}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            "-search.disableCache",
        ],
        folder=folder,
    )
    try:
        child.wait_for(lambda: requests.get(f"{url}/health", timeout=5).ok)
        yield VictoriaServer(url, folder)
    finally:
        child.stop()


def _format_time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_HOURS = 6
_END = START + _HOURS * HOUR - MINUTE
# In minutes since the start: the first events, a restart, and half an hour of errors.
_FIRST, _DOWN, _TROUBLE = 15, range(100, 102), range(180, 210)

Values = Mapping[str, Mapping[Labels, Mapping[int, float]]]
"""By name of the recorded series, labels and time."""


@dataclass(frozen=True, slots=True)
class EngineResults:
    """What the same rules recorded on the two."""

    prometheus: Values
    victoria: Values
    counters: tuple[SyntheticCounter, ...]

    def get_last(self, name: str) -> tuple[float, float]:
        """The newest value of the only series of a name, on each."""
        (ours,), (theirs,) = self.prometheus[name].values(), self.victoria[name].values()
        return ours[max(ours)], theirs[max(theirs)]


def _build_history() -> tuple[SyntheticCounter, ...]:
    """Three instances with a wave of traffic, half an hour of trouble, and one restart.

    Nothing happens at first: of a counter's first events only VictoriaMetrics knows.
    """
    made = []
    for number in range(3):
        whole = ProcessRun(0, _HOURS * HOUR)
        restarted = (
            ProcessRun(0, _DOWN.start * MINUTE),
            ProcessRun(_DOWN.stop * MINUTE, _HOURS * HOUR),
        )
        runs = restarted if number == 1 else (whole,)
        total, errors = [0], [0]
        for minute in range(_HOURS * 60 + 1):
            down = number == 1 and 100 <= minute < 102
            total.append(total[-1] + (0 if down else 60 + minute % 7 * 20))
            bad = 12 if minute in _TROUBLE else 2
            errors.append(errors[-1] + (0 if down else bad))
        labels = {"job": "shop", "instance": f"shop-{number}"}
        for metric, counts in ((TOTAL, total), (ERRORS, errors)):
            made.append(SyntheticCounter(metric, labels, counts, runs, phase=number * 7 * SECOND))
    return tuple(made)


@pytest.fixture(scope="module")
def results() -> EngineResults:
    history, method = _build_history(), ours.build_method(BenchmarkTarget())
    with TemporaryDirectory(prefix="engines-") as temporary:
        folder = Path(temporary)
        return EngineResults(
            _record_on_prometheus(history, method, folder),
            _record_on_victoria(history, method, folder),
            history,
        )


def _record_on_prometheus(
    history: tuple[SyntheticCounter, ...], method: Method, folder: Path
) -> Values:
    tsdb.write_counters(history, folder)
    recording.record_series(recording.build_full_tasks(method, _start_at_zero), folder, end=_END)
    with prometheus.run_prometheus(folder) as server:
        return {
            name: {
                tuple(sorted(series.labels.items())): {at: float(v) for at, v in series.samples}
                for series in server.evaluate_range(
                    f"last_over_time({name}[59s])", START, _END, MINUTE
                )
            }
            for name in _list_recorded(method)
        }


def _record_on_victoria(
    history: tuple[SyntheticCounter, ...], method: Method, folder: Path
) -> Values:
    """Level by level: what a replayed rule wrote is not at once there for the next."""
    tasks = recording.build_full_tasks(method, _start_at_zero)
    with run_victoria(folder) as server:
        server.load(history)
        for level in sorted({task.level for task in tasks}):
            groups = []
            for group in method.groups:
                rules = tuple(t.rule for t in tasks if t.group == group and t.level == level)
                groups += [RuleGroup(group.name, group.interval, rules)] if rules else []
            server.replay(groups, START, _END)
        return {name: server.series(name) for name in _list_recorded(method)}


def _start_at_zero(_: RuleGroup) -> int:
    """vmalert replays every group from the start on, so both do."""
    return 0


def _list_recorded(method: Method) -> list[str]:
    rules = (rule for group in method.groups for rule in group.rules)
    return sorted({rule.record for rule in rules if isinstance(rule, RecordingRule)})


def test_vmalert_takes_every_rule_of_this_repository() -> None:
    rules = Path(__file__).parents[2] / "rules" / "prometheus"
    assert len(list(rules.glob("*.yaml"))) > 3
    done = subprocess.run(
        [find_tool("vmalert"), "-dryRun", f"-rule={rules}/*.yaml"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.splitlines()[-1]


def test_every_series_is_recorded_on_both_under_the_same_labels(results: EngineResults) -> None:
    assert len(results.prometheus) > 15
    for name, series in results.prometheus.items():
        assert series, name
        assert series.keys() == results.victoria[name].keys(), name


def test_the_error_ratio_of_the_period_is_the_same_and_the_true_one(results: EngineResults) -> None:
    prometheus_says, victoria_says = results.get_last("slo:sli_error:ratio_rate30d")
    assert victoria_says == pytest.approx(prometheus_says, rel=1e-3)
    (coarse,) = results.prometheus["slo:sli_total:sum10m"].values()
    truth = counters.compute_error_ratio(results.counters, START, max(coarse) - COARSE_DELAY)
    assert prometheus_says == pytest.approx(truth, rel=2e-3)
    assert victoria_says == pytest.approx(truth, rel=2e-3)


@pytest.mark.parametrize("name", ["slo:period_events:total", "slo:period_events:errors"])
def test_the_events_of_the_period_are_as_many(results: EngineResults, name: str) -> None:
    prometheus_says, victoria_says = results.get_last(name)
    assert victoria_says == pytest.approx(prometheus_says, rel=1e-2)


@pytest.mark.parametrize("tier", ["slo:sli_total:sum1m", "slo:sli_errors:sum1m"])
def test_fine_steps_add_up_to_as_many_events(results: EngineResults, tier: str) -> None:
    (ours,), (theirs,) = results.prometheus[tier].values(), results.victoria[tier].values()
    assert sum(theirs.values()) == pytest.approx(sum(ours.values()), rel=1e-2)


@pytest.mark.parametrize(
    ("window", "minutes", "step"),
    [("5m", 5, 1), ("30m", 30, 1), ("1h", 60, 1), ("6h", 360, 1), ("2h", 120, 10)],
)
def test_windows_agree_with_prometheus(
    results: EngineResults, window: str, minutes: int, step: int
) -> None:
    name = f"slo:sli_error:ratio_rate{window}"
    (ours,), (theirs,) = results.prometheus[name].values(), results.victoria[name].values()
    times = [at for at in sorted(ours) if at > START + HOUR]
    assert len(times) > 20
    for at in times:
        around = [ours[t] for t in times if abs(t - at) <= step * MINUTE]
        slack = (step / minutes + 0.01) * max(around)
        assert min(around) - slack <= theirs[at] <= max(around) + slack, (at - START) // MINUTE
