"""Calls of the canary at places where no function is."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from exporter.events import new_id
from tests.exporter.bench import Bench, prober


@pytest.fixture
async def bench(path: Path) -> AsyncIterator[Bench]:
    async with prober(path, "http://127.0.0.1:9/") as made:
        yield made


@pytest.mark.parametrize("path_of", ["/{}/health", "/x/{}.ai.svc.cluster.local/"])
async def test_call_astray(bench: Bench, client: aiohttp.ClientSession, path_of: str) -> None:
    run_id = new_id()
    ticket = bench.ledger.issue(run_id, {"probe_id": run_id}, now=0.0)
    async with client.get(bench.canary_url + path_of.format(run_id)) as reply:
        assert reply.status == 404
    (call,) = ticket.calls
    assert not call.parameters_ok
    assert call.finished_at is not None


@pytest.mark.parametrize(
    "place", ["/anything", "/health/x", "/slo-probe-0123456789abcdef0123456789abcdef"]
)
async def test_a_strangers_call(bench: Bench, client: aiohttp.ClientSession, place: str) -> None:
    ticket = bench.ledger.issue(new_id(), {}, now=0.0)
    async with client.post(bench.canary_url + place, data=b"{}") as reply:
        assert reply.status == 404
    assert ticket.calls == ()


async def test_a_late_call_changes_nothing(bench: Bench, client: aiohttp.ClientSession) -> None:
    run_id = new_id()
    ticket = bench.ledger.issue(run_id, {}, now=0.0)
    bench.ledger.close(ticket)
    async with client.get(f"{bench.canary_url}/{run_id}/health") as reply:
        assert reply.status == 404
    assert ticket.calls == ()
