"""Processes of the prober and its target, each on a core of its own if there are two.

A benchmark asks what a prober does with one core, and other work on the machine would take part of
it. So, with the right to, both run in the real-time class; without it the figures are as noisy as
the machine. The page says which it was.
"""

import contextlib
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from exporter.devstack.stack import ChildProcess, start_process, wait_for_line
from slos.schema.contract import PREFIX

ROOT = Path(__file__).parents[3]
_PRIORITY = 5


@dataclass(frozen=True, slots=True)
class BenchmarkProber:
    """`slo-probe run`, serving."""

    child: ChildProcess
    web: str

    def get_page(self, path: str = "/metrics") -> str:
        """A page of it."""
        return requests.get(self.web + path, timeout=30).text

    def read_counter(self, name: str, label: str) -> dict[str, float]:
        """A counter by the values of one label, those at zero left out."""
        return parse_counter(self.get_page(), name, label)

    def read_rss(self) -> int:
        """Bytes of resident memory."""
        pages = Path(f"/proc/{self.child.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def read_cpu_seconds(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.child.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def parse_counter(exposition: str, name: str, label: str) -> dict[str, float]:
    """A counter of an exposition by the values of one label, those at zero left out."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == PREFIX + name and sample.value:
                key = sample.labels.get(label, "")
                found[key] = found.get(key, 0.0) + sample.value
    return found


@contextlib.contextmanager
def run_prober(folder: Path, config: str, *, core: int | None = None) -> Iterator[BenchmarkProber]:
    """Start a prober with a configuration, and wait until it serves."""
    file = folder / "slo-probe.yaml"
    file.write_text(config)
    command = [sys.executable, "-m", "exporter.cli", "run", "--config", str(file)]
    child = start_on_core(core, lambda: start_process("slo-probe", command, folder=folder))
    try:
        yield BenchmarkProber(child, wait_for_line(child, "web listening on "))
    finally:
        child.stop()


@contextlib.contextmanager
def run_target(folder: Path, canary: int, *options: str, core: int | None = None) -> Iterator[int]:
    """The target of known latencies; gives its port. What it did is in `truth.json` afterwards."""
    module = "tests.benchmarks.probe.target"
    command = [sys.executable, "-m", module, "--canary", str(canary), *options]
    command += ["--record", str(folder / "truth.json")]
    child = start_on_core(core, lambda: start_process("target", command, folder=folder))
    try:
        yield int(wait_for_line(child, "listening on "))
    finally:
        child.stop()


def start_on_core(core: int | None, start_process: Callable[[], ChildProcess]) -> ChildProcess:
    """Begin a process on one core, ahead of others; it inherits both."""
    os.environ["PYTHONPATH"] = str(ROOT)
    if core is None:
        return start_process()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[core % len(cores)]})
    try:
        with real_time_priority():
            return start_process()
    finally:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def real_time_priority() -> Iterator[None]:
    """Go ahead of other work on the machine, with the right to."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_PRIORITY))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def has_real_time_priority() -> bool:
    """Return whether processes can be given real-time priority."""
    try:
        with real_time_priority():
            return os.sched_getscheduler(0) == os.SCHED_RR
    except PermissionError:
        return False


def raise_file_limit() -> None:
    """Allow as many open files as may be: hundreds of events in flight are hundreds of sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def wait_until(condition: Callable[[], bool], *, seconds: float, pause: float = 0.1) -> bool:
    """Wait until something holds, but not for ever; gives whether it did."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(pause)
    return condition()


def compute_quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of all lies; `values` in order."""
    return values[min(int(share * len(values)), len(values) - 1)]
