"""Helpers that start a real Alertmanager, post alerts and read its API."""

import json
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import requests

from exporter.devstack import stack
from exporter.devstack.stack import ChildProcess, find_free_port, start_process

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertmanagerServer:
    """One that runs.

    Attributes:
        url: its address.
        child: its process.
    """

    url: str
    child: ChildProcess

    def post_alerts(
        self, *alerts: Labels, annotations: Labels | None = None, is_resolved: bool = False
    ) -> None:
        """Let alerts fire, or end."""
        times = {"endsAt": datetime.now(UTC).isoformat()} if is_resolved else {}
        body = [{"labels": each, "annotations": annotations or {}, **times} for each in alerts]
        requests.post(f"{self.url}/api/v2/alerts", json=body, timeout=10).raise_for_status()

    def list_inhibited(self, **labels: str) -> dict[str, bool]:
        """The names of the alerts with these labels, and whether another explains them."""
        filters = [f'{name}="{value}"' for name, value in labels.items()]
        answer = requests.get(f"{self.url}/api/v2/alerts", params={"filter": filters}, timeout=10)
        return {
            each["labels"]["alertname"]: bool(each["status"]["inhibitedBy"])
            for each in answer.json()
        }

    def add_silence(self, **labels: str) -> str:
        """Silence what has these labels, for an hour; return the id of the silence."""
        now = datetime.now(UTC)
        matchers = [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in labels.items()
        ]
        times = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
        body = {"matchers": matchers, "createdBy": "a test", "comment": "a test", **times}
        answer = requests.post(f"{self.url}/api/v2/silences", json=body, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["silenceID"])

    def remove_silence(self, silence: str) -> None:
        """End a silence."""
        requests.delete(f"{self.url}/api/v2/silence/{silence}", timeout=10).raise_for_status()

    def read_log(self) -> str:
        """Output until now."""
        return self.child.log.read_text(errors="replace")


@contextmanager
def run_alertmanager(
    config: Path, folder: Path, *, cluster_options: Sequence[str] = ("--cluster.listen-address=",)
) -> Iterator[AlertmanagerServer]:
    """Start it, and stop it by its process id."""
    binary = stack.find_binary("alertmanager")
    assert binary, "alertmanager is missing; make test brings it"
    address = f"127.0.0.1:{find_free_port()}"
    child = start_process(
        "alertmanager",
        [
            binary, f"--config.file={config}", f"--storage.path={folder / 'data'}",
            f"--web.listen-address={address}", "--log.level=debug", *cluster_options,
        ],
        folder=folder,
    )  # fmt: skip
    try:
        ready = f"http://{address}/-/ready"
        child.wait_for(lambda: requests.get(ready, timeout=1).ok)
        yield AlertmanagerServer(f"http://{address}", child)
    finally:
        child.stop()


@contextmanager
def run_alertmanager_cluster(
    config: Path, folder: Path, *, size: int = 2, peer_timeout: str = "2s"
) -> Iterator[list[AlertmanagerServer]]:
    """Start the members of a cluster, each with a folder of its own."""
    gossip = [f"127.0.0.1:{find_free_port()}" for _ in range(size)]
    with ExitStack() as members:
        servers = []
        for address in gossip:
            own = folder / f"member-{address.rpartition(':')[2]}"
            own.mkdir()
            options = [
                f"--cluster.listen-address={address}",
                *(f"--cluster.peer={other}" for other in gossip if other != address),
                f"--cluster.peer-timeout={peer_timeout}",
                "--cluster.settle-timeout=1s",
            ]
            member = run_alertmanager(config, own, cluster_options=options)
            servers.append(members.enter_context(member))
        yield servers


@contextmanager
def run_webhook_receiver() -> Iterator[tuple[str, "queue.Queue[tuple[str, dict[str, Any]]]"]]:
    """Run a webhook receiver; yield its URL and a queue of (path, message)."""
    received: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put((self.path.strip("/"), json.loads(body)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
