"""A real VictoriaMetrics, and vmalert replaying rules over what it holds."""

import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from exporter.live import processes
from generator import text
from generator.model import RuleGroup
from tests.benchmarks.counters import Counter
from tests.benchmarks.tsdb import tool

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Victoria:
    """A running one."""

    url: str
    folder: Path

    def load(self, counters: Iterable[Counter]) -> None:
        """Take in all samples of some counters."""
        for each in counters:
            labels = ",".join(f'{name}="{value}"' for name, value in each.labels.items())
            lines = (f"{each.metric}{{{labels}}} {value} {at}\n" for at, value in each.samples())
            self._post("/api/v1/import/prometheus", "".join(lines))
        self.settle()

    def settle(self) -> None:
        """Make all that was written readable."""
        requests.get(f"{self.url}/internal/force_flush", timeout=10).raise_for_status()

    def replay(self, groups: Sequence[RuleGroup], start: int, end: int) -> None:
        """Have vmalert evaluate rules over a span of the past; times in milliseconds."""
        rules = self.folder / "rules.yaml"
        rules.write_text("\n".join(text.groups(groups)))
        done = subprocess.run(
            [
                tool("vmalert"),
                f"-rule={rules}",
                f"-datasource.url={self.url}",
                f"-remoteWrite.url={self.url}",
                f"-replay.timeFrom={_time(start)}",
                f"-replay.timeTo={_time(end)}",
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
def running(folder: Path) -> Iterator[Victoria]:
    """VictoriaMetrics over an empty folder."""
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    child = processes.start(
        "victoria-metrics",
        [
            tool("victoria-metrics"),
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
        yield Victoria(url, folder)
    finally:
        child.stop()


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
