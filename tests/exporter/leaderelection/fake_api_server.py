"""Fake Kubernetes API server for Leases: versions, conflicts and errors."""

import asyncio
import copy
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from exporter.leaderelection.lease import ConflictError, Json

TOKEN = "planted-token"  # noqa: S105 - planted, to look for it in logs
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class FakeLeases:
    """One Lease object and the rules for writing it."""

    def __init__(self) -> None:
        self.lease: Json | None = None
        self.writes: list[Json] = []
        """Every spec that was written."""
        self._version = 0

    @property
    def spec(self) -> Json:
        assert self.lease is not None
        spec: Json = self.lease["spec"]
        return spec

    def read(self) -> Json | None:
        return copy.deepcopy(self.lease)

    def create(self, spec: Json) -> Json:
        if self.lease is not None:
            raise ConflictError
        metadata = {"name": "probe", "uid": f"uid-{self._version}", "annotations": {"a": "b"}}
        return self._write({"metadata": metadata, "spec": spec})

    def replace(self, lease: Json) -> Json:
        if self.lease is None or lease["metadata"]["resourceVersion"] != self.version:
            raise ConflictError
        return self._write(lease)

    def create_released(self) -> None:
        """Create the Lease as its last holder leaves it."""
        now = "2023-11-14T22:00:00.000000Z"
        times = {"acquireTime": now, "renewTime": now, "leaseDurationSeconds": 1}
        self.create({"holderIdentity": "", "leaseTransitions": 0, **times})

    @property
    def version(self) -> str:
        assert self.lease is not None
        return str(self.lease["metadata"]["resourceVersion"])

    def touch_lease(self) -> None:
        """Change something that is not the spec."""
        assert self.lease is not None
        self._write(self.lease)

    def _write(self, lease: Json) -> Json:
        """Write a Lease with the validation of the API server: all fields are optional."""
        spec = lease["spec"]
        for key in ("acquireTime", "renewTime"):
            assert _MICRO_TIME.fullmatch(spec.get(key, "2023-11-14T22:13:20.000000Z")), spec[key]
        assert spec.get("leaseDurationSeconds", 1) > 0
        assert spec.get("leaseTransitions", 0) >= 0
        self._version += 1
        self.lease = copy.deepcopy(lease)
        self.lease["metadata"]["resourceVersion"] = str(self._version)
        self.writes.append(spec)
        return copy.deepcopy(self.lease)


class DirectLeaseStore:
    """A `LeaseStore` without a network."""

    def __init__(self, leases: FakeLeases) -> None:
        self._leases = leases

    async def read(self) -> Json | None:
        return self._leases.read()

    async def create(self, spec: Json) -> Json:
        return self._leases.create(spec)

    async def replace(self, lease: Json) -> Json:
        return self._leases.replace(lease)

    async def close(self) -> None: ...


_VERBS = {"GET": "get", "PUT": "update", "POST": "create"}


class FakeApiServer:
    """The Leases of one namespace over HTTP."""

    def __init__(
        self,
        namespace: str = "ai",
        allows: Callable[[str, str | None], bool] = lambda _verb, _name: True,
    ) -> None:
        self.namespace, self.allows = namespace, allows
        self.leases = FakeLeases()
        self.responses: list[web.Response] = []
        """Answers to give first, whatever is asked."""
        self.hangs = False
        self.late = 0.0
        """Seconds after which answers are sent."""
        self.asked: list[tuple[str, str | None]] = []
        """Verbs, and the names of Leases."""

    def build_app(self) -> web.Application:
        app = web.Application()
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"
        app.router.add_post(path, self._handle_request)
        app.router.add_route("*", path + "/{name}", self._handle_request)
        return app

    async def _handle_request(self, request: web.Request) -> web.Response:
        asked = _VERBS[request.method], request.match_info.get("name")
        self.asked.append(asked)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _build_status(401)
        if self.responses:
            return self.responses.pop(0)
        if self.hangs:
            await asyncio.Event().wait()
        if not self.allows(*asked):
            return _build_status(403)
        try:
            response = await self._execute_request(request)
        except ConflictError:
            response = _build_status(409)
        await asyncio.sleep(self.late)
        return response

    async def _execute_request(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            body = await request.json()
            assert body["kind"] == "Lease"
            self.leases.create(body["spec"])
            return web.json_response(self.leases.read(), status=201)
        if self.leases.lease is None:
            return _build_status(404)
        if request.method == "PUT":
            self.leases.replace(await request.json())
        return web.json_response(self.leases.read())


def _build_status(code: int, **more: Any) -> web.Response:  # noqa: ANN401 - JSON
    return web.json_response({"kind": "Status", "code": code, **more}, status=code)
