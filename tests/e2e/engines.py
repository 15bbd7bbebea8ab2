"""Rules recorded over the same samples by Prometheus, and by VictoriaMetrics with vmalert."""

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from exporter.devstack import stack
from generator.model import Engine, RecordingRule, RuleGroup
from generator.text import yaml_writer
from tests.benchmarks import prometheus, recording, tsdb
from tests.benchmarks.methods import Method
from tests.benchmarks.traffic import MINUTE, START
from tests.benchmarks.tsdb import find_tool
from tests.e2e.engine_shapes import EngineShape

Labels = tuple[tuple[str, str], ...]
RecordedSeries = Mapping[str, Mapping[Labels, Mapping[int, float]]]
"""By name of the recorded series, labels and time."""


@dataclass(frozen=True, slots=True)
class VictoriaServer:
    """A running VictoriaMetrics."""

    url: str
    folder: Path

    def load(self, shapes: Iterable[EngineShape]) -> None:
        """Import all samples of some shapes."""
        for series in (each for shape in shapes for each in shape.list_series()):
            labels = ",".join(f'{name}="{value}"' for name, value in series.labels.items())
            lines = (
                f"{series.metric}{{{labels}}} {value} {at}\n"
                for at, value in series.generate_samples()
            )
            self._post("/api/v1/import/prometheus", "".join(lines))
        self.flush()

    def flush(self) -> None:
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
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        self.flush()

    def read_series(self, metric: str) -> dict[Labels, dict[int, float]]:
        """Read every sample of a metric, by series and time."""
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
def run_victoria(folder: Path, *, retention: str = "100y") -> Iterator[VictoriaServer]:
    """Run VictoriaMetrics over an empty folder."""
    port = stack.find_free_port()
    url = f"http://127.0.0.1:{port}"
    child = stack.start_process(
        "victoria-metrics",
        [
            find_tool("victoria-metrics"),
            f"-storageDataPath={folder / 'victoria'}",
            f"-httpListenAddr=127.0.0.1:{port}",
            f"-retentionPeriod={retention}",
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


def record_on_prometheus(
    shapes: Sequence[EngineShape], method: Method, folder: Path, *, end: int
) -> RecordedSeries:
    """Record the rules of a method on Prometheus."""
    series = (each for shape in shapes for each in shape.list_series())
    tsdb.write_series(
        (tsdb.format_series(s.metric, s.labels, s.generate_samples()) for s in series), folder
    )
    recording.record_series(recording.build_full_tasks(method, _start_at_zero), folder, end=end)
    with prometheus.run_prometheus(folder) as server:
        return {
            name: {
                tuple(sorted(series.labels.items())): {at: float(v) for at, v in series.samples}
                for series in server.evaluate_range(
                    f"last_over_time({name}[59s])", START, end, MINUTE
                )
            }
            for name in _list_recorded(method)
        }


def record_on_victoria(
    shapes: Sequence[EngineShape], method: Method, folder: Path, *, end: int
) -> RecordedSeries:
    """Record the rules of a method on VictoriaMetrics.

    They are replayed level by level: what a rule wrote is not at once there for the next.
    """
    tasks = recording.build_full_tasks(method, _start_at_zero)
    with run_victoria(folder) as server:
        server.load(shapes)
        for level in sorted({task.level for task in tasks}):
            groups = []
            for group in method.groups:
                rules = tuple(t.rule for t in tasks if t.group == group and t.level == level)
                groups += [RuleGroup(group.name, group.interval, rules)] if rules else []
            server.replay(groups, START, end)
        return {name: server.read_series(name) for name in _list_recorded(method)}


def read_version(engine: Engine) -> str:
    """Read name and version of an engine's program; that of Debian 12 does not tell."""
    if engine is Engine.PROMETHEUS:
        printed = subprocess.check_output([find_tool("prometheus"), "--version"], text=True)
        return "Prometheus " + printed.split()[2].partition("+")[0]
    printed = subprocess.check_output([find_tool("victoria-metrics"), "-version"], text=True)
    return "VictoriaMetrics " + (printed.strip().rpartition("-v")[2] or "1.79.5")


def _start_at_zero(_: RuleGroup) -> int:
    """vmalert replays every group from the start on, so both do."""
    return 0


def _list_recorded(method: Method) -> list[str]:
    rules = (rule for group in method.groups for rule in group.rules)
    return sorted({rule.record for rule in rules if isinstance(rule, RecordingRule)})


def _format_time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
