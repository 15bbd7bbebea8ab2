"""Sources that are down, slow, odd or protected, and several of them."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from exporter.devstack.stack import find_free_port
from generator.clients.http_config import Source, read_http_config
from tests.generator.command_line import run_slo_rules
from tests.web.conftest import open_pages
from tests.web.test_pages import read, read_slos


@contextmanager
def serve_proxy(
    upstream: str, *, without: str = "", header: tuple[str, str] = ("", "")
) -> Iterator[str]:
    """A proxy that refuses queries with some text, and requests without a header."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query).get("query", [""])[0]
            if header[0] and self.headers.get(header[0]) != header[1]:
                self.answer(401, b"<html>log in</html>")
            elif without and without in query:
                self.answer(
                    503, json.dumps({"status": "error", "error": "too many samples"}).encode()
                )
            else:
                response = requests.get(f"{upstream}{self.path}", timeout=30)
                self.answer(response.status_code, response.content)

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_prometheus_that_is_down_is_said_on_every_page() -> None:
    url = f"http://127.0.0.1:{find_free_port()}"
    with open_pages(Source("prometheus", url)) as pages:
        assert f"cannot query {url}" in read(pages).text
        assert "Nothing is known about any SLO." in read(pages).text
        assert f"cannot query {url}" in read(f"{pages}/slo?id=shop-requests", 502).text
        assert "error" in read(f"{pages}/api/v1/slo?id=shop-requests", 502).json()
        assert url in read(f"{pages}/-/ready", 503).text
        assert read(f"{pages}/-/healthy").text == "healthy\n"


def test_a_slow_prometheus_is_said_and_does_not_hold_up_the_others(recorded: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        open_pages(
            Source("eu", recorded),
            Source("slow", f"http://127.0.0.1:{silent.getsockname()[1]}"),
            query_timeout=3,
        ) as pages,
    ):
        text = read(pages).text
        assert "2 of 6 SLOs need attention." in text
        assert "did not answer within 3 s" in text
        assert "did not answer within 3 s" in read(f"{pages}/slo?id=x&source=slow", 502).text


def test_a_prometheus_without_slos_tells_what_to_do(empty: str) -> None:
    with open_pages(Source("prometheus", empty)) as pages:
        text = read(pages).text
    assert "No SLO yet" in text
    assert "no SLO is recorded" in text


def test_what_can_be_read_is_shown_beside_what_cannot(recorded: str) -> None:
    with (
        serve_proxy(recorded, without="max_over_time") as proxy,
        open_pages(Source("prometheus", proxy)) as pages,
    ):
        text = read(pages).text
        assert "2 of 6 SLOs need attention." in text
        assert "returned 503: too many samples" in text
        page = read(f"{pages}/slo?id=shop-requests&range=1w").text
        assert "Some of this page cannot be read:" in page
        assert "budget is left" in page


def test_several_sources_are_one_overview(recorded: str, empty: str) -> None:
    down = f"http://127.0.0.1:{find_free_port()}"
    urls = {"eu": recorded, "us": recorded, "new": empty, "down": down}
    with open_pages(*(Source(name, url) for name, url in urls.items())) as pages:
        slos = read_slos(pages)
        assert [each["source"] for each in slos].count("eu") == 6
        assert len(read_slos(pages, source="us")) == 6
        text = read(pages).text
        assert f"down: cannot query {down}" in text
        assert "new: no SLO is recorded" in text
        assert read(f"{pages}/{slos[0]['page']}").status_code == 200
        assert "ready" in read(f"{pages}/-/ready").text


@pytest.mark.parametrize(
    ("config", "header"),
    [
        ({"authorization": {"credentials_file": "secret"}}, ("Authorization", "Bearer of-a-file")),
        (
            {"basic_auth": {"username": "me", "password_file": "secret"}},
            ("Authorization", "Basic bWU6b2YtYS1maWxl"),
        ),
        (
            {"http_headers": {"X-Scope-OrgID": {"files": ["secret"]}}},
            ("X-Scope-OrgID", "of-a-file"),
        ),
    ],
)
def test_credentials_are_read_from_files(
    recorded: str, tmp_path: Path, config: dict[str, object], header: tuple[str, str]
) -> None:
    (tmp_path / "secret").write_text("of-a-file\n")
    (tmp_path / "http.yaml").write_text(json.dumps(config))
    with serve_proxy(recorded, header=header) as proxy:
        found, problems = read_http_config(tmp_path / "http.yaml")
        assert problems == []
        with open_pages(Source("prometheus", proxy, found)) as pages:
            assert len(read_slos(pages)) == 6
        with open_pages(Source("prometheus", proxy)) as pages:
            assert "returned 401: no reason given" in read(pages).text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "add --prometheus URL"),
        (["--prometheus", "localhost:9090"], "write it like http://localhost:9090"),
        (["--prometheus", "http://a", "--prometheus", "http://b"], "need names"),
        (["--prometheus", "a=http://a", "--prometheus", "a=http://b"], "the same name 'a'"),
        (["--prometheus", "http://me:secret-word@a"], "--prometheus http://a: write it without"),
        (["--prometheus", "http://a", "--listen", "here"], "is not an address"),
        (["--prometheus", "http://a", "--http-config", "b=x.yaml"], "no --prometheus has this"),
        (["--prometheus", "http://a", "--http-config", "none.yaml"], "cannot read none.yaml"),
    ],
)
def test_a_wrong_option_is_said(args: list[str], message: str) -> None:
    result = run_slo_rules("serve", *args)
    assert result.exit_code == 2
    assert message in result.output
    assert "secret-word" not in result.output


def test_problems_of_a_client_configuration_have_their_line(tmp_path: Path) -> None:
    path = tmp_path / "http.yaml"
    path.write_text("basic_auth:\n  username: me\n  pasword: secret-word\n")
    result = run_slo_rules("serve", "--prometheus", "http://a", "--http-config", path)
    assert result.exit_code == 2
    assert f"{path}:3:3: error: unknown key 'basic_auth.pasword'" in result.output
    assert "secret-word" not in result.output


def test_an_address_that_is_taken_is_said(recorded: str) -> None:
    address = urlsplit(recorded).netloc
    result = run_slo_rules("serve", "--prometheus", recorded, "--listen", address)
    assert result.exit_code == 1
    assert f"cannot listen on {address}: Address already in use" in result.output


def test_a_host_that_is_not_known_is_said() -> None:
    address = "no-such-host.invalid:0"
    result = run_slo_rules("serve", "--prometheus", "http://a", "--listen", address)
    assert result.exit_code == 1
    assert f"cannot listen on {address}: " in result.output
    assert "Unknown error" not in result.output


def test_the_monitoring_of_a_source_is_read(empty: str) -> None:
    deadline = time.monotonic() + 20
    with open_pages(Source("prometheus", empty)) as pages:
        found: dict[str, object] = {}
        # It scrapes itself every second; a state is read again after 10.
        while found.get("targets") != 1 and time.monotonic() < deadline:
            (source,) = read(f"{pages}/api/v1/slos").json()["sources"]
            found = source["monitoring"]
            time.sleep(0.5)
    assert (found["targets"], found["targets_down"], found["age"]) == (1, 0, None)
