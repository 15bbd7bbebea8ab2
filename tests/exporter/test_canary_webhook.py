"""The canary hears of notifications; only a run under way and its first one are noted."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from exporter.events import new_id
from exporter.evidence import Call
from exporter.ledger import Ticket
from tests.exporter.bench import Bench, prober

Json = dict[str, object]


@pytest.fixture
async def bench(path: Path) -> AsyncIterator[Bench]:
    async with prober(path, "http://127.0.0.1:9/") as made:
        yield made


def notification(*run_ids: str, status: str = "firing") -> Json:
    labels = {"alertname": "SloProbeSynthetic", "severity": "info"}
    alerts = [{"status": status, "labels": {**labels, "service": each}} for each in run_ids]
    return {"version": "4", "status": status, "receiver": "all", "alerts": alerts}


async def tell(bench: Bench, client: aiohttp.ClientSession, body: object) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client.post(f"{bench.canary_url}/alertmanager", data=data) as reply:
        return reply.status


async def test_first_notification_is_noted(bench: Bench, client: aiohttp.ClientSession) -> None:
    tickets = [bench.ledger.issue(new_id(), {}, now=1.0) for _ in range(3)]
    assert await tell(bench, client, notification(tickets[0].id, tickets[1].id)) == 200
    first = [ticket.notified_at for ticket in tickets]
    assert first[0] is not None
    assert first[1] == first[0]
    assert first[2] is None
    assert await tell(bench, client, notification(tickets[0].id)) == 200
    assert tickets[0].notified_at == first[0]


async def test_resolved_or_closed_is_ignored(bench: Bench, client: aiohttp.ClientSession) -> None:
    ticket = bench.ledger.issue(new_id(), {}, now=1.0)
    assert await tell(bench, client, notification(ticket.id, status="resolved")) == 200
    assert ticket.notified_at is None
    bench.ledger.close(ticket)
    assert await tell(bench, client, notification(ticket.id)) == 200
    assert ticket.notified_at is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 60_000,
        b"\xff\xfe",
        b"x" * 1_000_000,
        [],
        {"alerts": 1},
        {"alerts": [1, None, {"status": "firing"}, {"status": "firing", "labels": [1]}]},
        {"alerts": [{"status": "firing", "labels": {"service": ["slo-probe"], "a": 5}}]},
        notification("slo-probe-1", "../etc", new_id()),
    ],
    ids=lambda body: str(body)[:20],
)
async def test_strange_bodies(bench: Bench, client: aiohttp.ClientSession, body: object) -> None:
    ticket = bench.ledger.issue(new_id(), {}, now=1.0)
    assert await tell(bench, client, body) == 200
    assert ticket.notified_at is None
    assert bench.sample("canary_requests_total", outcome="unknown_id") == 0


async def test_the_clock_never_starts_after_the_function_was_reached() -> None:
    ticket = Ticket("a", {}, issued=1.0)
    assert ticket.left_alertmanager_at is None
    ticket.notified_at = 5.0
    assert ticket.left_alertmanager_at == 5.0
    ticket.arrive(Call(health_at=4.0, arrived_at=6.0, finished_at=None))
    assert ticket.left_alertmanager_at == 4.0


async def test_a_slow_body_holds_up_nobody(bench: Bench, client: aiohttp.ClientSession) -> None:
    host, port = bench.canary_url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /alertmanager HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    ticket = bench.ledger.issue(new_id(), {}, now=1.0)
    assert await tell(bench, client, notification(ticket.id)) == 200
    assert ticket.notified_at is not None
    writer.close()
    await writer.wait_closed()
