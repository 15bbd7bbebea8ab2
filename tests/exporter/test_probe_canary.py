"""The canary joins calls and notifications to runs; an id that was never issued gets no success."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.canary import Canary
from exporter.events import new_id
from exporter.evidence import Call
from exporter.ledger import Ledger, Ticket
from slos.schema.contract import CanaryOutcome
from tests.exporter.bench import Bench, prober
from tests.exporter.conftest import Serve
from tests.exporter.fake_agent import call_headers
from tests.exporter.fake_clock import FakeClock

RUN_1 = f"slo-probe-{1:032x}"
RUN_2 = f"slo-probe-{2:032x}"
SENT = {"probe_id": RUN_1, "nonce": "n", "name": "canary", "namespace": "ai"}


class Stand:
    """A canary that listens, and what it counted."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.ledger = Ledger()
        self.outcomes: list[CanaryOutcome] = []
        self.journalled: set[str] = set()
        self.url = ""
        self.canary = Canary(
            self.ledger, clock=clock, probe_of=self._probe_of, count=self.outcomes.append
        )

    async def _probe_of(self, run_id: str) -> str | None:
        return "remediation" if run_id in self.journalled else None

    def issue(self, run_id: str = RUN_1) -> Ticket:
        return self.ledger.issue(run_id, SENT | {"probe_id": run_id}, now=self.clock.now())


@pytest.fixture
async def stand(serving: Serve, clock: FakeClock) -> Stand:
    made = Stand(clock)
    made.url = await serving(made.canary.app)
    return made


async def call(
    client: aiohttp.ClientSession,
    stand: Stand,
    body: object,
    *,
    run_id: str = RUN_1,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], dict[str, str]]:
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    chosen = call_headers(run_id) if headers is None else headers
    async with client.post(stand.url, data=data, headers=chosen) as reply:
        return reply.status, await reply.json(), dict(reply.headers)


async def test_health_is_answered(stand: Stand, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{stand.url}/health") as reply:
        assert (reply.status, await reply.json()) == (200, {"status": "ok"})


async def test_the_reply_is_a_cloudevent(stand: Stand, client: aiohttp.ClientSession) -> None:
    ticket = stand.issue()
    status, body, headers = await call(client, stand, SENT | {"extra": 1})
    assert status == 200
    assert body["status"] == "success"
    assert all(isinstance(value, str) for value in body.values())
    assert {"ce-id", "ce-source", "ce-specversion", "ce-type"} <= {name.lower() for name in headers}
    assert ticket.executed.is_set()
    (seen,) = ticket.calls
    assert seen.parameters_ok
    assert not seen.foreign_id
    assert stand.outcomes == [CanaryOutcome.EXECUTED]


async def test_an_unknown_id_is_404(stand: Stand, client: aiohttp.ClientSession) -> None:
    ticket = stand.issue(RUN_2)
    status, body, _ = await call(client, stand, SENT)
    assert status == 404
    assert body["status"] != "success"
    assert stand.outcomes == [CanaryOutcome.UNKNOWN_ID]
    assert ticket.calls == ()


async def test_an_earlier_id_is_after_verdict(stand: Stand, client: aiohttp.ClientSession) -> None:
    stand.journalled.add(RUN_1)
    status, _, _ = await call(client, stand, SENT)
    assert (status, stand.outcomes) == (200, [CanaryOutcome.AFTER_VERDICT])


async def test_a_closed_run_takes_no_call(stand: Stand, client: aiohttp.ClientSession) -> None:
    ticket = stand.issue()
    stand.ledger.close(ticket)
    status, _, _ = await call(client, stand, SENT)
    assert (status, ticket.calls) == (200, ())
    assert stand.outcomes == [CanaryOutcome.AFTER_VERDICT]


async def test_the_body_comes_before_headers(stand: Stand, client: aiohttp.ClientSession) -> None:
    first, second = stand.issue(RUN_1), stand.issue(RUN_2)
    await call(client, stand, SENT, run_id=RUN_2)
    assert [seen.foreign_id for seen in first.calls] == [True]
    assert second.calls == ()


@pytest.mark.parametrize("body", [{"probe_id": 7}, {"probe_id": "gone"}, {}])
async def test_headers_join(stand: Stand, client: aiohttp.ClientSession, body: object) -> None:
    ticket = stand.issue()
    await call(client, stand, body)
    assert [seen.parameters_ok for seen in ticket.calls] == [False]


async def test_correlation_id_joins(stand: Stand, client: aiohttp.ClientSession) -> None:
    ticket = stand.issue()
    headers = call_headers("converted") | {"ce-correlationid": RUN_1}
    await call(client, stand, {}, headers=headers)
    assert len(ticket.calls) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1]", b'"text"', b"null", b"\xff\xfe\x00", b"[" * 100_000, b"x" * 3_000_000],
    ids=["empty", "cut", "list", "text", "null", "binary", "deep", "huge"],
)
async def test_malformed_body(stand: Stand, client: aiohttp.ClientSession, body: bytes) -> None:
    status, answer, _ = await call(client, stand, body, run_id="nobody")
    assert (status, answer["status"]) == (400, "error")
    assert stand.outcomes == [CanaryOutcome.MALFORMED]


async def test_malformed_body_of_a_run(stand: Stand, client: aiohttp.ClientSession) -> None:
    ticket = stand.issue()
    status, _, _ = await call(client, stand, b"{")
    assert status == 400
    assert [seen.parameters_ok for seen in ticket.calls] == [False]


async def test_no_cloudevent_is_malformed(stand: Stand, client: aiohttp.ClientSession) -> None:
    status, _, _ = await call(client, stand, SENT, headers={})
    assert (status, stand.outcomes) == (400, [CanaryOutcome.MALFORMED])


async def test_last_health_check_counts_once(stand: Stand, client: aiohttp.ClientSession) -> None:
    ticket = stand.issue()
    for _ in range(2):
        await stand.clock.advance(1)
        async with client.get(f"{stand.url}/health") as reply:
            await reply.read()
    await stand.clock.advance(1)
    await call(client, stand, SENT)
    await call(client, stand, SENT)
    assert [seen.health_at for seen in ticket.calls] == [1002.0, None]
    assert [seen.arrived_at for seen in ticket.calls] == [1003.0, 1003.0]


async def test_an_early_health_check_is_ignored(
    stand: Stand, client: aiohttp.ClientSession
) -> None:
    async with client.get(f"{stand.url}/health") as reply:
        await reply.read()
    await stand.clock.advance(1)
    ticket = stand.issue()
    await call(client, stand, SENT)
    assert [seen.health_at for seen in ticket.calls] == [None]


async def test_health_on_other_connection(stand: Stand, client: aiohttp.ClientSession) -> None:
    ticket = stand.issue()
    async with aiohttp.ClientSession() as other:
        async with other.get(f"{stand.url}/health") as reply:
            await reply.read()
        await call(client, stand, SENT)
    assert [seen.health_at for seen in ticket.calls] == [None]


@pytest.mark.parametrize("stranger", ["\ud800", "slo-probe-nothex", "x" * 5000, ""])
async def test_foreign_ids(stand: Stand, client: aiohttp.ClientSession, stranger: str) -> None:
    stand.journalled.add(stranger)
    headers = call_headers("somebody")
    status, _, _ = await call(client, stand, SENT | {"probe_id": stranger}, headers=headers)
    assert status == 404
    assert stand.outcomes == [CanaryOutcome.UNKNOWN_ID]


async def test_bytes_that_are_no_text_in_a_header_are_unknown(stand: Stand) -> None:
    reader, writer = await asyncio.open_connection(*stand.url.removeprefix("http://").split(":"))
    headers = [b"ce-specversion: 1.0", b"ce-type: t", b"ce-source: s", b"ce-id: \xff\xfe"]
    lines = [b"POST / HTTP/1.1", b"host: x", b"content-length: 2", *headers, b"", b"{}"]
    writer.write(b"\r\n".join(lines))
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert b" 404 " in answer or b" 400 " in answer
    assert stand.outcomes in ([CanaryOutcome.UNKNOWN_ID], [])


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(extra=st.dictionaries(st.text(), JSON), changed=st.sampled_from(sorted(SENT)), value=JSON)
def test_parameters_match_exactly(extra: dict[str, object], changed: str, value: object) -> None:
    ticket = Ticket(RUN_1, SENT, issued=0.0)
    assert ticket.matches(extra | SENT)
    assert ticket.matches(SENT | {changed: value}) == (value == SENT[changed])
    assert not ticket.matches({key: SENT[key] for key in SENT if key != changed})


def test_the_ledger_forgets_the_oldest_closed_runs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.ledger._CLOSED_KEPT", 2)
    ledger = Ledger()
    ledger.issue("open", SENT, now=0.0)
    for run_id in ("a", "b", "c"):
        ledger.close(ledger.issue(run_id, SENT, now=0.0))
    kept = [run_id for run_id in ("open", "a", "b", "c") if ledger.find(run_id)]
    assert kept == ["open", "b", "c"]


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
