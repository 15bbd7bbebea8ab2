"""Delivery paths `alertmanager` and `broker`, with a real Alertmanager."""

import asyncio
import contextlib
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from exporter.model.alert import CONTENT_TYPE, FIRED, RESOLVED
from tests.e2e.alertmanager import run_alertmanager
from tests.exporter.environment import (
    RARE_REMEDIATION,
    ProberEnvironment,
    ProberProcess,
    build_remediation,
    run_environment,
    wait_until,
)
from tests.exporter.journal_harness import read_rows


@dataclass
class EventForwarder:
    """Receive notifications of Alertmanager or events of a broker; forward them to agent-sre."""

    agent: str
    delay: float = 0.0
    copies: int = 1
    given: dict[str, str] = field(default_factory=dict)
    """Value of the label `service` by the id of the forwarded event."""
    ended: set[str] = field(default_factory=set)
    """Values of the label `service` of resolved alerts."""
    _under_way: set["asyncio.Task[None]"] = field(default_factory=set)

    def build_app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/webhook", self._handle_notification)
        app.router.add_post("/broker", self._handle_event)
        app.on_shutdown.append(self._cancel_tasks)
        return app

    async def _cancel_tasks(self, _: web.Application) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _handle_notification(self, request: web.Request) -> web.Response:
        for alert in (await request.json())["alerts"]:
            event_id, firing = str(uuid.uuid4()), alert["status"] == "firing"
            if firing:
                self.given[event_id] = alert["labels"]["service"]
            else:
                self.ended.add(alert["labels"]["service"])
            event = {
                "specversion": "1.0",
                "type": FIRED if firing else RESOLVED,
                "source": "prometheus-events",
                "id": event_id,
                "data": alert,
            }
            self._forward(event)
        return web.Response()

    async def _handle_event(self, request: web.Request) -> web.Response:
        self._forward(json.loads(await request.read()))
        return web.Response(status=202)

    def _forward(self, event: dict[str, object]) -> None:
        for _ in range(self.copies):
            task = asyncio.create_task(self._post_later(event))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _post_later(self, event: dict[str, object]) -> None:
        await asyncio.sleep(self.delay)
        headers = {"Content-Type": CONTENT_TYPE}
        body = json.dumps(event).encode()
        async with (
            aiohttp.ClientSession() as client,
            client.post(self.agent, data=body, headers=headers),
        ):
            pass


@dataclass(frozen=True)
class AlertmanagerClient:
    """A real Alertmanager."""

    url: str

    async def list_firing(self) -> set[str]:
        """List the label `service` of all firing alerts."""
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{self.url}/api/v2/alerts?active=true") as reply,
        ):
            return {alert["labels"]["service"] for alert in await reply.json()}

    async def wait_for_alerts(self, holds: Callable[[set[str]], bool]) -> None:
        """Wait until a condition holds for the firing alerts."""
        async with asyncio.timeout(30):
            while not holds(await self.list_firing()):  # noqa: ASYNC110 - it sets no event here
                await asyncio.sleep(0.1)


@dataclass
class DeliveryEnvironment:
    """Prober environment whose events arrive through a forwarder."""

    environment: ProberEnvironment
    forwarder: EventForwarder
    alertmanager: AlertmanagerClient | None = None

    async def wait_for_runs(
        self, prober: ProberProcess, *, number: int = 3
    ) -> list[dict[str, Any]]:
        """Wait until a number of runs have a verdict; return them."""
        await wait_until(lambda: self.count_judged() >= number)
        found = json.loads((await prober.get_page("/runs"))[1])
        return [run for run in found if run["verdict"] != "unknown"]

    def count_judged(self) -> int:
        states = self.environment.count_states()
        return states.total() - states["planned"] - states["sent"]


@contextlib.asynccontextmanager
async def run_broker(folder: Path, *, copies: int = 1) -> AsyncIterator[DeliveryEnvironment]:
    async with run_environment(folder) as environment:
        forwarder = EventForwarder(f"{environment.agent.url}/", delay=0.3, copies=copies)
        async with TestServer(forwarder.build_app()) as server:
            environment.settings["paths"] = {"broker": {"url": str(server.make_url("/broker"))}}
            environment.settings["probes"] = build_remediation(
                "700ms", settle="500ms", paths={"broker": {}}
            )
            yield DeliveryEnvironment(environment, forwarder)


@contextlib.asynccontextmanager
async def run_alertmanager_path(
    folder: Path, clock: str = "posting"
) -> AsyncIterator[DeliveryEnvironment]:
    async with run_environment(folder) as environment:
        forwarder = EventForwarder(f"{environment.agent.url}/", delay=0.2)
        async with (
            TestServer(forwarder.build_app()) as server,
            _run_alertmanager(folder, server, environment) as alertmanager,
        ):
            environment.settings["paths"] = {
                "alertmanager": {"url": alertmanager.url, "clock": clock}
            }
            environment.settings["probes"] = build_remediation("900ms", paths={"alertmanager": {}})
            yield DeliveryEnvironment(environment, forwarder, alertmanager)


@contextlib.asynccontextmanager
async def _run_alertmanager(
    folder: Path, server: BaseTestServer, environment: ProberEnvironment
) -> AsyncIterator[AlertmanagerClient]:
    """Alertmanager, which notifies of each `service` by itself."""
    hooks = [
        str(server.make_url("/webhook")),
        f"http://127.0.0.1:{environment.canary}/alertmanager",
    ]
    route = {"group_by": ["service"], "group_wait": "500ms", "group_interval": "1s"}
    receiver = {
        "name": "all",
        "webhook_configs": [{"url": u, "send_resolved": True} for u in hooks],
    }
    config = {"route": {"receiver": "all", **route}, "receivers": [receiver]}
    file = folder / "alertmanager.yml"
    await asyncio.to_thread(file.write_text, json.dumps(config))
    with run_alertmanager(file, folder) as found:
        yield AlertmanagerClient(found.url)


async def test_a_broker_that_delivers_later_is_timed_to_the_function(tmp_path: Path) -> None:
    async with run_broker(tmp_path) as delivery, delivery.environment.run_prober() as prober:
        for run in await delivery.wait_for_runs(prober):
            assert (run["path"], run["verdict"]) == ("broker", "ok")
            assert 0.3 <= run["stages"]["end_to_end"] < 2
            assert "cloudevent_processing" not in run["stages"]  # the 202 is the broker's
        await prober.stop()


async def test_a_broker_that_delivers_twice_gives_duplicated_runs(tmp_path: Path) -> None:
    async with (
        run_broker(tmp_path, copies=2) as delivery,
        delivery.environment.run_prober() as prober,
    ):
        assert {run["verdict"] for run in await delivery.wait_for_runs(prober)} == {"duplicated"}
        await prober.stop()


@pytest.mark.parametrize("clock", ["posting", "webhook"])
async def test_an_alert_reaches_agent_sre_through_alertmanager(tmp_path: Path, clock: str) -> None:
    async with (
        run_alertmanager_path(tmp_path, clock) as delivery,
        delivery.environment.run_prober() as prober,
    ):
        assert delivery.alertmanager is not None
        runs = await delivery.wait_for_runs(prober)
        assert {run["verdict"] for run in runs} == {"ok"}
        for run in runs:
            took = run["stages"]["end_to_end"]
            # The group waits half a second, unless the clock starts with the notification.
            assert (took >= 0.7) if clock == "posting" else (0 <= took < 0.7), took
            assert run["stages"]["remediation_selection"] >= 0
        assert (await prober.stop()).code == 0
        async with delivery.environment.run_prober(
            delivery.environment.write_config(probes=RARE_REMEDIATION)
        ) as again:
            await again.wait_for_url("web")
            await delivery.alertmanager.wait_for_alerts(lambda active: not active)
            await wait_until(
                lambda: (
                    set(delivery.environment.count_states()) == {"cleaned"}
                    and not delivery.environment.list_open_issues()
                )
            )
            await again.stop()
        assert delivery.forwarder.ended >= {run["id"] for run in runs}
        given = {run_id: event_id for event_id, run_id in delivery.forwarder.given.items()}
        recorded = read_aliases(delivery.environment.journal)
        assert all(given[run["id"]] in recorded[run["id"]] for run in runs)


async def test_after_a_kill_the_next_start_ends_the_alerts(tmp_path: Path) -> None:
    async with run_alertmanager_path(tmp_path) as delivery:
        assert delivery.alertmanager is not None
        delivery.environment.agent.faults.set("lost")
        async with delivery.environment.run_prober() as first:
            await wait_until(lambda: delivery.environment.count_states()["sent"] >= 2)
            await delivery.alertmanager.wait_for_alerts(lambda active: len(active) >= 2)
            await first.kill()
        cut_off = {row[0] for row in read_rows(delivery.environment.journal)}
        assert await delivery.alertmanager.list_firing() <= cut_off
        async with delivery.environment.run_prober(
            delivery.environment.write_config(probes=RARE_REMEDIATION)
        ) as second:
            await second.wait_for_url("web")
            await delivery.alertmanager.wait_for_alerts(lambda active: not active)
            await wait_until(
                lambda: (
                    set(delivery.environment.count_states()) == {"cleaned"}
                    and not delivery.environment.list_open_issues()
                )
            )
            assert (await second.read_counter("orphans")).total() == 0
            await second.stop()


def read_aliases(journal: Path) -> dict[str, list[str]]:
    """By run, the ids under which others know it."""
    connection = sqlite3.connect(journal)
    try:
        found = connection.execute("SELECT id, aliases FROM runs").fetchall()
    finally:
        connection.close()
    return {run_id: json.loads(text) for run_id, text in found}
