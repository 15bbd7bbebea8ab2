"""From a lost event to a person and back: real Prometheus, real Alertmanager, a webhook."""

import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from exporter.live import stack
from tests.e2e.programs import QUICK_SPEC

ALERT = "QuickValidationFailureRateHigh"


@pytest.fixture
def receiver() -> Iterator[tuple[str, "queue.Queue[dict[str, Any]]"]]:
    """A webhook receiver: its URL and the alerts it was told of."""
    received: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for alert in json.loads(body)["alerts"]:
                received.put(alert)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", received
    server.shutdown()
    thread.join()
    server.server_close()


def _next(received: "queue.Queue[dict[str, Any]]", status: str) -> dict[str, Any]:
    """The next notification about the alert with a status; fails after a minute of silence."""
    while True:
        alert = received.get(timeout=60)
        if alert["labels"]["alertname"] == ALERT and alert["status"] == status:
            return alert


def test_a_lost_event(tmp_path: Path, receiver: tuple[str, "queue.Queue[dict[str, Any]]"]) -> None:
    webhook, received = receiver
    missing: list[str] = []
    with stack.running(
        tmp_path, specs=QUICK_SPEC, faults=["lost"], webhook=webhook, say=missing.append
    ) as running:
        assert not missing
        fired = _next(received, "firing")
        assert fired["labels"]["severity"] == "warning"
        assert fired["labels"]["sloth_slo"] == "validation-failure-rate"
        assert fired["annotations"]["runbook_url"] == (
            "https://runbooks.example/agent-sre/quick-validation-failure-rate-high.md"
        )
        summary = fired["annotations"]["summary"]
        percent = float(summary.split(": ")[1].split(" %")[0])
        assert 5 < percent <= 100
        assert "{{" not in summary
        assert "lambda_function" not in fired["annotations"]

        requests.post(f"{running.agent}/fault", data="none", timeout=5)
        resolved = _next(received, "resolved")
        assert resolved["labels"] == fired["labels"]
