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
    """Rule groups of a fake ruler, and its requests.

    Attributes:
        groups: of each tenant, by namespace and name, as they came.
        max_groups: how many groups a tenant may have; an update needs room for one more, as in
            Mimir.
        max_rules: how many rules a group may have.
        required_authorization: the Authorization header it insists on.
        requires_tenant: whether it insists on a tenant.
        redirect_url: where it sends everybody.
        failures: statuses of the next answers to changes, before it does what is asked.
        retry_after: the header Retry-After of answers that are no success.
        broken_groups: groups that it never takes, with status and text.
    """

    groups: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    max_groups: int = 1000
    max_rules: int = 1000
    required_authorization: str = ""
    requires_tenant: bool = False
    redirect_url: str = ""
    failures: list[int] = field(default_factory=list)
    retry_after: str = ""
    broken_groups: dict[str, tuple[int, str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def handle_request(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, str]:  # noqa: ANN401 - a message
        """Status and text, as Mimir gives them."""
        self.requests.append(f"{method} {path}")
        return self._refuse_request(method, path, headers) or self._answer(
            method, path, headers, body
        )

    def _refuse_request(self, method: str, path: str, headers: Any) -> tuple[int, str] | None:  # noqa: ANN401 - a message
        if self.required_authorization not in ("", headers.get("Authorization")):
            return 401, "unauthorized"
        if not path.startswith(_BASE):
            return 404, "404 page not found"
        if self.requires_tenant and "X-Scope-OrgID" not in headers:
            return 401, "no org id\n"
        if method != "GET" and self.failures:
            return self.failures.pop(0), "try later\n"
        return None

    def _answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, str]:  # noqa: ANN401 - a message
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
            return 404, "group does not exist\n"
        if not tenant_groups[namespace]:
            del tenant_groups[namespace]
        return 202, '{"status":"success"}'

    def _list_groups(self, tenant_groups: dict[str, dict[str, Any]]) -> tuple[int, str]:
        found = {name: list(groups.values()) for name, groups in tenant_groups.items() if groups}
        return (200, yaml.safe_dump(found)) if found else (404, "no rule groups found")

    def _put_group(
        self, namespace: dict[str, Any], group: dict[str, Any], tenant_groups: dict[str, Any]
    ) -> tuple[int, str]:
        if group["name"] in self.broken_groups:
            return self.broken_groups[group["name"]]
        rules = len(group["rules"])
        if rules > self.max_rules:
            limit = f"(limit: {self.max_rules} actual: {rules})"
            return 400, f"per-user rules per rule group limit {limit} exceeded\n"
        # The real ruler does not look whether the group is there already.
        number = sum(len(groups) for groups in tenant_groups.values()) + 1
        if number > self.max_groups:
            limit = f"(limit: {self.max_groups} actual: {number})"
            return 400, f"per-user rule groups limit {limit} exceeded\n"
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
            if ruler.retry_after and status >= 400:
                self.send_header("Retry-After", ruler.retry_after)
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
