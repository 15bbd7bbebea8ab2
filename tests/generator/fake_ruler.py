"""Fake ruler API of Mimir: rule groups by tenant and namespace."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import yaml

_BASE = "/prometheus/config/v1/rules"


@dataclass
class FakeRuler:
    """What it knows, and what was asked of it.

    Attributes:
        groups: of each tenant, by namespace and name, as they came.
        max_groups: how many groups a tenant may have.
        required_authorization: the Authorization header it insists on.
        redirect_url: where it sends everybody.
    """

    groups: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    max_groups: int = 1000
    required_authorization: str = ""
    redirect_url: str = ""
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def handle_request(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, str]:  # noqa: ANN401 - a message
        """Status and text, as Mimir gives them."""
        self.requests.append(f"{method} {path}")
        if (
            self.required_authorization
            and headers.get("Authorization") != self.required_authorization
        ):
            return 401, "unauthorized"
        if not path.startswith(_BASE):
            return 404, "404 page not found"
        tenant_groups = self.groups.setdefault(headers.get("X-Scope-OrgID", "anonymous"), {})
        path_parts = [unquote(part) for part in path.removeprefix(_BASE).split("/")[1:]]
        if method == "GET":
            return self._list_groups(tenant_groups)
        if method == "POST":
            return self._put_group(
                tenant_groups.setdefault(path_parts[0], {}), yaml.safe_load(body), tenant_groups
            )
        namespace, name = path_parts
        if tenant_groups.get(namespace, {}).pop(name, None) is None:
            return 404, "group does not exist"
        if not tenant_groups[namespace]:
            del tenant_groups[namespace]
        return 202, '{"status":"success"}'

    def _list_groups(self, tenant_groups: dict[str, dict[str, Any]]) -> tuple[int, str]:
        found = {name: list(groups.values()) for name, groups in tenant_groups.items() if groups}
        return (200, yaml.safe_dump(found)) if found else (404, "no rule groups found")

    def _put_group(
        self, namespace: dict[str, Any], group: dict[str, Any], tenant_groups: dict[str, Any]
    ) -> tuple[int, str]:
        others = sum(len(groups) for groups in tenant_groups.values())
        if group["name"] not in namespace and others >= self.max_groups:
            return 400, f"per-user rule groups limit (limit: {self.max_groups}) exceeded"
        namespace[group["name"]] = group
        return 202, '{"status":"success"}'


@contextmanager
def serve_ruler(ruler: FakeRuler) -> Iterator[FakeRuler]:
    """Serve it on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if ruler.redirect_url:
                status, text = 308, ""
            else:
                status, text = ruler.handle_request(self.command, self.path, self.headers, body)
            self.send_response(status)
            if ruler.redirect_url:
                self.send_header("Location", ruler.redirect_url)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            # Whoever needs no body, as of a 304, may be gone: no news for another test's stderr.
            with suppress(ConnectionError):
                self.wfile.write(text.encode())

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Tests say for themselves what went wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ruler.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield ruler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
