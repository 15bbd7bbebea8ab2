"""Delivery paths `alertmanager` and `broker`, with a real Alertmanager."""

import asyncio
import contextlib
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter.devstack.stack import find_free_port
from exporter.model.alert import CONTENT_TYPE, FIRED, RESOLVED
from tests.e2e.alertmanager import (
    AlertmanagerServer,
    run_alertmanager,
    run_alertmanager_cluster,
)
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
    confirm_after: float = 0.0
    """Seconds after which a notification is answered."""
    keeps_texts: bool = True
    """Check that an event keeps the labels and the texts of its alert."""
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
                "data": alert if self.keeps_texts else _drop_texts(alert),
            }
            self._forward(event)
        await asyncio.sleep(self.confirm_after)
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


def _drop_texts(alert: dict[str, Any]) -> dict[str, Any]:
    """Return an alert with its function and nothing else, as some converters do."""
    kept = {name: text for name, text in alert["annotations"].items() if "lambda" in name}
    return {**alert, "labels": {}, "annotations": kept}


@dataclass(frozen=True)
class AlertmanagerClient:
    """Real Alertmanagers: one, or the members of a cluster."""

    urls: list[str]

    async def list_firing(self) -> list[set[str]]:
        """List the label `service` of all firing alerts, for each member."""
        async with aiohttp.ClientSession() as client:
            found = []
            for url in self.urls:
                async with client.get(f"{url}/api/v2/alerts?active=true") as reply:
                    found.append({alert["labels"]["service"] for alert in await reply.json()})
            return found

    async def wait_for_alerts(self, holds: Callable[[set[str]], bool]) -> None:
        """Wait until a condition holds for the firing alerts of every member."""
        async with asyncio.timeout(60):
            while not all(map(holds, await self.list_firing())):  # noqa: ASYNC110 - it sets no event here
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
        await wait_until(lambda: self.count_judged() >= number, seconds=120)
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
    folder: Path, *, clock: str = "posting", members: int = 1, notifies_canary: bool = True
) -> AsyncIterator[DeliveryEnvironment]:
    # A function that is called while the prober restarts may take seconds to fail.
    async with run_environment(folder, linger="8s") as environment:
        forwarder = EventForwarder(f"{environment.agent.url}/", delay=0.2)
        async with TestServer(forwarder.build_app()) as server:
            hooks = [str(server.make_url("/webhook"))]
            hooks += [f"http://127.0.0.1:{environment.canary}/alertmanager"] * notifies_canary
            file = folder / "alertmanager.yml"
            await asyncio.to_thread(file.write_text, json.dumps(build_routing(hooks)))
            with run_alertmanagers(file, folder, members) as found:
                first, *others = urls = [each.url for each in found]
                environment.settings["paths"] = {
                    "alertmanager": {
                        "url": first,
                        "peers": others,
                        "clock": clock,
                        "group_wait": "500ms",
                        "group_interval": "1s",
                        "peer_timeout": "2s",
                    }
                }
                deadlines = {"settle": "13s", "timeout": "23s"}
                environment.settings["probes"] = build_remediation(
                    "900ms", paths={"alertmanager": deadlines}
                )
                yield DeliveryEnvironment(environment, forwarder, AlertmanagerClient(urls))


def build_routing(hooks: list[str]) -> dict[str, object]:
    """Build a configuration of Alertmanager, which notifies of each `service` by itself."""
    route = {"group_by": ["service"], "group_wait": "500ms", "group_interval": "1s"}
    receiver = {
        "name": "all",
        "webhook_configs": [{"url": u, "send_resolved": True} for u in hooks],
    }
    return {"route": {"receiver": "all", **route}, "receivers": [receiver]}


@contextlib.contextmanager
def run_alertmanagers(file: Path, folder: Path, members: int) -> Iterator[list[AlertmanagerServer]]:
    if members > 1:
        with run_alertmanager_cluster(file, folder, size=members) as found:
            yield found
        return
    with run_alertmanager(file, folder) as server:
        yield [server]


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
        run_alertmanager_path(tmp_path, clock=clock) as delivery,
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
                ),
                seconds=60,
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
        assert all(firing <= cut_off for firing in await delivery.alertmanager.list_firing())
        async with delivery.environment.run_prober(
            delivery.environment.write_config(probes=RARE_REMEDIATION)
        ) as second:
            await second.wait_for_url("web")
            await delivery.alertmanager.wait_for_alerts(lambda active: not active)
            await wait_until(
                lambda: (
                    set(delivery.environment.count_states()) == {"cleaned"}
                    and not delivery.environment.list_open_issues()
                ),
                seconds=60,
            )
            assert (await second.read_counter("orphans")).total() == 0
            await second.stop()


async def test_alerts_and_their_ends_reach_every_member_of_a_cluster(tmp_path: Path) -> None:
    async with (
        run_alertmanager_path(tmp_path, members=2) as delivery,
        delivery.environment.run_prober() as prober,
    ):
        assert delivery.alertmanager is not None
        await delivery.alertmanager.wait_for_alerts(lambda active: len(active) >= 2)
        runs = await delivery.wait_for_runs(prober)
        assert {run["verdict"] for run in runs} == {"ok"}, "the members notify once in all"
        ended = {run["id"] for run in runs}
        await delivery.alertmanager.wait_for_alerts(lambda active: not active & ended)
        assert (await prober.read_counter("cleanup_failures_total")).total() == 0
        await prober.stop()


async def test_a_notification_that_is_confirmed_late_is_seen_to_be_repeated(tmp_path: Path) -> None:
    async with run_alertmanager_path(tmp_path) as delivery:
        delivery.forwarder.confirm_after = 11.0
        async with delivery.environment.run_prober() as prober:
            runs = await delivery.wait_for_runs(prober, number=1)
            assert {(run["verdict"], run["reason"]) for run in runs} == {
                ("duplicated", "executed_twice")
            }
            assert (await prober.stop()).code == 0


async def test_what_the_chain_does_not_tell_is_counted(tmp_path: Path) -> None:
    """Neither the notification reaches the canary, nor the name of the alert agent-sre."""
    async with run_alertmanager_path(tmp_path, clock="webhook", notifies_canary=False) as delivery:
        environment = delivery.environment
        delivery.forwarder.keeps_texts = False
        async with environment.run_prober() as prober:
            (run, *_) = await delivery.wait_for_runs(prober, number=1)
            assert run["verdict"] == "ok"
            low, high = run["bounds"]["end_to_end"]
            assert low < 0.5 <= high, "it began between posting and the first contact"
            await wait_until(lambda: "[Alert] unknown" in list_archived_titles(environment))
            assert "no_notification" in await prober.read_counter("path_problems_total", "problem")
            ended = await prober.stop()
    assert "arrived at the webhook" in ended.err


async def test_alerts_that_were_never_posted_leave_nothing(tmp_path: Path) -> None:
    async with run_environment(tmp_path) as environment:
        del environment.settings["observers"]
        environment.settings["paths"] = {
            "alertmanager": {"url": f"http://127.0.0.1:{find_free_port()}", "group_interval": "1s"}
        }
        times = {"late_after": "31s", "settle": "11s", "timeout": "42s"}
        environment.settings["probes"] = build_remediation("200ms", paths={"alertmanager": times})
        async with environment.run_prober() as prober:
            await wait_until(lambda: environment.count_states()["cleaned"] >= 3)
            assert set(await prober.read_counter("probe_runs_total", "verdict")) == {"unreachable"}
            assert (await prober.read_counter("cleanup_failures_total")).total() == 0
            assert (await prober.read_counter("orphans")).total() == 0
            await prober.stop()


def list_archived_titles(environment: ProberEnvironment) -> list[str]:
    return [each["title"] for each in environment.linear.list_issues() if each["archivedAt"]]


def read_aliases(journal: Path) -> dict[str, list[str]]:
    """By run, the ids under which others know it."""
    connection = sqlite3.connect(journal)
    try:
        found = connection.execute("SELECT id, aliases FROM runs").fetchall()
    finally:
        connection.close()
    return {run_id: json.loads(text) for run_id, text in found}
