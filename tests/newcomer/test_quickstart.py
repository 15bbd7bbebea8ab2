"""The quick start, followed literally in an empty folder with a real Prometheus."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.devstack.stack import ChildProcess, find_binary, find_free_port, start_process
from generator.clients.json_api import APIError
from generator.clients.prometheus import read_prometheus

PAGE = Path(__file__).parents[2] / "docs/quickstart.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
TO_LOADED_RULES, AFTERWARDS = (text.splitlines() for language, text in BLOCKS if language == "sh")


class Newcomer:
    """A reader with an empty folder, and a Prometheus on another port than that of the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = find_free_port()
        (configuration,) = (text for language, text in BLOCKS if language == "yaml")
        quick = configuration.replace("15s", "1s").replace("30s", "1s")
        (folder / "prometheus.yml").write_text(quick.replace("9090", str(self.port)))
        binary = find_binary("prometheus")
        assert binary, "Prometheus is missing; run 'make tools'"
        address = f"--web.listen-address=127.0.0.1:{self.port}"
        command = (binary, "--config.file=prometheus.yml", "--storage.tsdb.path=data", address)
        self.prometheus: ChildProcess = start_process("prometheus", command, folder=folder)

    def run(self, line: str) -> str:
        """Run a line of the page; the process id is that of the started Prometheus."""
        line = line.replace("9090", str(self.port))
        line = line.replace("$(pgrep -x prometheus)", str(self.prometheus.process.pid))
        promtool = find_binary("promtool")
        assert promtool, "promtool is missing; run 'make tools'"
        path = f"{Path(sys.executable).parent}:{promtool.parent}:{os.environ['PATH']}"
        done = subprocess.run(  # noqa: S602 - as a reader types it
            line,
            shell=True,
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def query(self, query: str) -> list[Any]:
        """Result of a query; empty while Prometheus does not answer."""
        try:
            url = f"http://127.0.0.1:{self.port}"
            return list(read_prometheus(url, "query", query=query)["result"])
        except APIError:
            return []

    def count_loaded_slos(self) -> int:
        """Number of SLOs whose rules Prometheus has."""
        groups = read_prometheus(f"http://127.0.0.1:{self.port}", "rules")["groups"]
        return sum(group["name"].startswith("slo-period-") for group in groups)

    def wait_for(self, query: str, *, timeout: float = 60) -> list[Any]:
        return self.prometheus.wait_for(lambda: self.query(query) or None, timeout=timeout)


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    newcomer = Newcomer(tmp_path)
    yield newcomer
    newcomer.prometheus.stop()


def test_three_commands_lead_from_an_empty_folder_to_loaded_rules(newcomer: Newcomer) -> None:
    assert len(TO_LOADED_RULES) == 3
    # Prometheus needs requests of its own before there is anything to measure.
    newcomer.wait_for("sum(increase(prometheus_http_requests_total[7d])) > 0")
    for line in TO_LOADED_RULES:
        newcomer.run(line)
    spec = (newcomer.folder / "slos/prometheus.yaml").read_text()
    assert 'prometheus_http_requests_total{job="prometheus",code=~"5.."}' in spec
    assert "# Measured over the last 1w: 100 % good." in spec
    slos = spec.count("  - name: ")
    newcomer.prometheus.wait_for(lambda: newcomer.count_loaded_slos() == slos)
    # The rules with counts are evaluated once a minute.
    newcomer.wait_for("slo:sli_total:sum1m > 0", timeout=180)

    for line in AFTERWARDS:
        newcomer.run(line)
