"""The function in place of the canary, called as the wrapper of its operator calls it.

The wrapper imports `module.function` of `runtime.handler`, where main.py is the code, and calls it
with the data of the event alone.
"""

import json
import threading
import types
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.k8s.manifests import Json, build_with_component

REPLY = {"status": "success", "message": "executed"}


@pytest.fixture
def spec(tmp_path: Path) -> Json:
    (function,) = build_with_component("lambda-canary", tmp_path).list_objects("LambdaFunction")
    found: Json = function["spec"]
    return found


@pytest.fixture
def prober() -> Iterator[tuple[str, list[tuple[Json, dict[str, str]]]]]:
    """A server in place of the prober: its URL, and the bodies and headers that it was sent."""
    received: list[tuple[Json, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((json.loads(body), {k.lower(): v for k, v in self.headers.items()}))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(REPLY).encode())

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", received
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_code_forwards_a_call_and_gives_back_the_reply(
    spec: Json, prober: tuple[str, list[tuple[Json, dict[str, str]]]]
) -> None:
    url, received = prober
    module_name, function_name = spec["runtime"]["handler"].rsplit(".", 1)
    assert module_name == "main", "the operator writes Python to main.py"
    main: Any = types.ModuleType(module_name)
    exec(compile(spec["source"]["inline"]["code"], "main.py", "exec"), main.__dict__)  # noqa: S102
    main.PROBER = url
    parameters = {"probe_id": "slo-probe-0123456789abcdef", "name": "x"}
    assert getattr(main, function_name)(parameters) == REPLY
    ((body, headers),) = received
    assert body == parameters
    assert headers["ce-id"] == parameters["probe_id"]


def test_the_operator_makes_no_broker_for_it(spec: Json) -> None:
    assert spec["eventing"] == {"enabled": False}
