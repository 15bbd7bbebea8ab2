"""The canary: calls and notifications are matched to runs; unknown ids are rejected."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.alert import create_run_id
from exporter.model.bounds import Bounds
from exporter.model.evidence import Call, Evidence
from exporter.observers import canary as canary_observer
from exporter.observers import reply as reply_observer
from exporter.prober.health_checks import HealthCheckMatcher
from exporter.prober.inflight import InflightRun, InflightRuns
from slos.schema.contract import CanaryOutcome, Stage
from tests.exporter.canary_harness import RUN_1, RUN_2, SENT, CanaryHarness, start_canary
from tests.exporter.conftest import Serve
from tests.exporter.fake_agent import build_call_headers
from tests.exporter.fake_clock import FakeClock
from tests.exporter.in_process_prober import InProcessProber, run_prober


@pytest.fixture
async def harness(serving: Serve, clock: FakeClock) -> CanaryHarness:
    return await start_canary(serving, clock)


async def post_call(
    client: aiohttp.ClientSession,
    harness: CanaryHarness,
    body: object,
    *,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], dict[str, str]]:
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    chosen = build_call_headers(RUN_1) if headers is None else headers
    async with client.post(harness.url, data=data, headers=chosen) as reply:
        return reply.status, await reply.json(), dict(reply.headers)


async def test_health_is_answered(harness: CanaryHarness, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{harness.url}/health") as reply:
        assert (reply.status, await reply.json()) == (200, {"status": "ok"})


async def test_the_reply_is_a_cloudevent(
    harness: CanaryHarness, client: aiohttp.ClientSession
) -> None:
    ticket = harness.issue()
    status, body, headers = await post_call(client, harness, SENT | {"extra": 1})
    assert (status, body["status"]) == (200, "success")
    assert all(isinstance(value, str) for value in body.values())
    assert {"ce-id", "ce-source", "ce-specversion", "ce-type"} <= {name.lower() for name in headers}
    assert ticket.executed.is_set()
    (seen,) = ticket.calls
    assert (seen.parameters_ok, seen.foreign_id) == (True, False)
    assert harness.outcomes == [CanaryOutcome.EXECUTED]


@pytest.mark.parametrize(
    ("run", "status", "outcome"),
    [
        ("unknown", 404, CanaryOutcome.UNKNOWN_ID),
        ("of an earlier start", 200, CanaryOutcome.AFTER_VERDICT),
        ("closed", 200, CanaryOutcome.AFTER_VERDICT),
    ],
)
async def test_a_call_of_a_run_that_is_not_open(
    harness: CanaryHarness,
    client: aiohttp.ClientSession,
    run: str,
    status: int,
    outcome: CanaryOutcome,
) -> None:
    other = harness.issue(RUN_2)
    if run == "of an earlier start":
        harness.journalled.add(RUN_1)
    if run == "closed":
        ticket = harness.issue()
        harness.ledger.close_run(ticket, now=harness.clock.now())
    answered, body, _ = await post_call(client, harness, SENT)
    assert (answered, harness.outcomes, other.calls) == (status, [outcome], ())
    assert (body["status"] == "success") <= (status == 200)
    assert run != "closed" or ticket.calls == ()


@pytest.mark.parametrize(
    ("body", "headers", "first", "second"),
    [
        (SENT, build_call_headers(RUN_2), [(True, True)], []),
        *((body, build_call_headers(RUN_1), [(False, False)], []) for body in (
            {"probe_id": 7}, {"probe_id": "gone"}, {}, b"{"
        )),
        ({}, build_call_headers("converted") | {"ce-correlationid": RUN_1}, [(False, False)], []),
    ],
)  # fmt: skip
async def test_the_body_joins_a_call_to_its_run_and_then_the_headers(
    harness: CanaryHarness,
    client: aiohttp.ClientSession,
    body: object,
    headers: dict[str, str],
    *,
    first: object,
    second: object,
) -> None:
    tickets = [harness.issue(RUN_1), harness.issue(RUN_2)]
    status, _, _ = await post_call(client, harness, body, headers=headers)
    assert status == (400 if body == b"{" else 200)
    seen = [[(each.parameters_ok, each.foreign_id) for each in t.calls] for t in tickets]
    assert seen == [first, second]


@pytest.mark.parametrize("is_journalled", [True, False])
async def test_the_id_of_a_run_from_before_a_restart_is_foreign(
    harness: CanaryHarness, client: aiohttp.ClientSession, *, is_journalled: bool
) -> None:
    ticket = harness.issue()
    if is_journalled:
        harness.journalled.add(RUN_2)
    await post_call(client, harness, SENT, headers=build_call_headers(RUN_2))
    assert [seen.foreign_id for seen in ticket.calls] == [is_journalled]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        *((body, build_call_headers("nobody")) for body in (
            b"", b"{", b"[1]", b'"text"', b"null", b"\xff\xfe\x00", b"[" * 100_000, b"x" * 3_000_000
        )),
        (SENT, {}),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
async def test_a_malformed_call_is_400_and_counted(
    harness: CanaryHarness, client: aiohttp.ClientSession, body: object, headers: dict[str, str]
) -> None:
    status, answer, _ = await post_call(client, harness, body, headers=headers)
    assert (status, answer["status"]) == (400, "error")
    assert harness.outcomes == [CanaryOutcome.MALFORMED]


@pytest.mark.parametrize("stranger", ["\ud800", "slo-probe-nothex", "x" * 5000, ""])
async def test_an_id_of_another_shape_is_never_looked_up(
    harness: CanaryHarness, client: aiohttp.ClientSession, stranger: str
) -> None:
    harness.journalled.add(stranger)
    headers = build_call_headers("somebody")
    status, _, _ = await post_call(client, harness, SENT | {"probe_id": stranger}, headers=headers)
    assert (status, harness.outcomes) == (404, [CanaryOutcome.UNKNOWN_ID])


async def test_only_a_peer_with_a_valid_call_is_a_caller(
    harness: CanaryHarness, client: aiohttp.ClientSession
) -> None:
    await post_call(client, harness, SENT)
    harness.issue()
    await post_call(client, harness, {"probe_id": RUN_1})
    assert not harness.canary.has_caller("127.0.0.1")
    await post_call(client, harness, SENT)
    assert harness.canary.has_caller("127.0.0.1")


async def check_health(
    client: aiohttp.ClientSession, harness: CanaryHarness, **headers: str
) -> None:
    await harness.clock.advance(1)
    async with client.get(f"{harness.url}/health", headers=headers) as reply:
        await reply.read()


@pytest.mark.parametrize(
    ("checks", "contact"),
    [
        ([{}], Bounds(1001.0, 1001.0)),
        ([{}, {}], Bounds(1001.0, 1002.0)),
        ([{"User-Agent": "Blackbox Exporter/0.26"}, {}], Bounds(1002.0, 1002.0)),
        ([{}, {"x-correlation-id": RUN_1}], Bounds(1002.0, 1002.0)),
        ([{"User-Agent": "kube-probe/1.32"}, {}], Bounds(1002.0, 1002.0)),
        ([], Bounds(1000.0, 1000.0)),
    ],
)
async def test_the_health_check_before_a_call_is_the_first_contact(
    harness: CanaryHarness,
    client: aiohttp.ClientSession,
    checks: list[dict[str, str]],
    contact: Bounds,
) -> None:
    """The connection says nothing: a pool shares its connections in any order."""
    ticket = harness.issue()
    for headers in checks:
        async with aiohttp.ClientSession() as other:
            await check_health(other, harness, **headers)
    await post_call(client, harness, SENT)
    assert [seen.contact for seen in ticket.calls] == [contact]


async def test_a_second_call_may_share_the_health_check_of_the_first(
    harness: CanaryHarness, client: aiohttp.ClientSession
) -> None:
    ticket, other = harness.issue(), harness.issue(RUN_2)
    await check_health(client, harness)
    await post_call(client, harness, SENT)
    await check_health(client, harness)
    await post_call(client, harness, SENT)
    await post_call(client, harness, SENT | {"probe_id": RUN_2}, headers=build_call_headers(RUN_2))
    assert [seen.contact for seen in other.calls] == [Bounds(1002.0, 1002.0)]
    assert [seen.contact for seen in ticket.calls] == [
        Bounds(1001.0, 1001.0),
        Bounds(1002.0, 1002.0),
    ]


async def test_an_early_health_check_is_ignored(
    harness: CanaryHarness, client: aiohttp.ClientSession
) -> None:
    await check_health(client, harness)
    await harness.clock.advance(1)
    ticket = harness.issue()
    await post_call(client, harness, SENT)
    assert [seen.contact for seen in ticket.calls] == [Bounds(1002.0, 1002.0)]


async def test_bytes_that_are_no_text_in_a_header_are_unknown(harness: CanaryHarness) -> None:
    reader, writer = await asyncio.open_connection(*harness.url.removeprefix("http://").split(":"))
    headers = [b"ce-specversion: 1.0", b"ce-type: t", b"ce-source: s", b"ce-id: \xff\xfe"]
    lines = [b"POST / HTTP/1.1", b"host: x", b"content-length: 2", *headers, b"", b"{}"]
    writer.write(b"\r\n".join(lines))
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert b" 404 " in answer or b" 400 " in answer
    assert harness.outcomes in ([CanaryOutcome.UNKNOWN_ID], [])


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(extra=st.dictionaries(st.text(), JSON), changed=st.sampled_from(sorted(SENT)), value=JSON)
def test_parameters_match_exactly(extra: dict[str, object], changed: str, value: object) -> None:
    ticket = InflightRun(RUN_1, SENT, contacts=HealthCheckMatcher(0.0))
    assert ticket.has_parameters(extra | SENT)
    assert ticket.has_parameters(SENT | {changed: value}) == (value == SENT[changed])
    assert not ticket.has_parameters({key: SENT[key] for key in SENT if key != changed})


def test_the_ledger_forgets_the_oldest_closed_runs_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.prober.inflight._MAX_CLOSED", 2)
    ledger = InflightRuns(now=0.0)
    ledger.open_run("open", SENT, now=0.0)
    for run_id in ("a", "b", "c"):
        ledger.close_run(ledger.open_run(run_id, SENT, now=0.0), now=1.0)
    kept = [run_id for run_id in ("open", "a", "b", "c") if ledger.find_run(run_id)]
    assert kept == ["open", "b", "c"]


Json = dict[str, object]


@pytest.fixture
async def prober(path: Path) -> AsyncIterator[InProcessProber]:
    async with run_prober(path, "http://127.0.0.1:9/") as made:
        yield made


def build_notification(*run_ids: str, status: str = "firing") -> Json:
    labels = {"alertname": "SloProbeSynthetic", "severity": "info"}
    alerts = [{"status": status, "labels": {**labels, "service": each}} for each in run_ids]
    return {"version": "4", "status": status, "receiver": "all", "alerts": alerts}


async def post_notification(
    prober: InProcessProber, client: aiohttp.ClientSession, body: object
) -> int:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client.post(f"{prober.canary_url}/alertmanager", data=data) as reply:
        return reply.status


async def test_first_notification_is_noted(
    prober: InProcessProber, client: aiohttp.ClientSession
) -> None:
    tickets = [
        prober.components.inflight_runs.open_run(create_run_id(), {}, now=1.0) for _ in range(3)
    ]
    assert (
        await post_notification(prober, client, build_notification(tickets[0].id, tickets[1].id))
        == 200
    )
    first = [ticket.notified_at for ticket in tickets]
    assert first[0] is not None
    assert first[1] == first[0]
    assert first[2] is None
    assert await post_notification(prober, client, build_notification(tickets[0].id)) == 200
    assert tickets[0].notified_at == first[0]


async def test_resolved_or_closed_is_ignored(
    prober: InProcessProber, client: aiohttp.ClientSession
) -> None:
    ticket = prober.components.inflight_runs.open_run(create_run_id(), {}, now=1.0)
    assert (
        await post_notification(prober, client, build_notification(ticket.id, status="resolved"))
        == 200
    )
    assert ticket.notified_at is None
    prober.components.inflight_runs.close_run(ticket, now=2.0)
    assert await post_notification(prober, client, build_notification(ticket.id)) == 200
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
        build_notification("slo-probe-1", "../etc", create_run_id()),
    ],
    ids=lambda body: str(body)[:20],
)
async def test_strange_bodies(
    prober: InProcessProber, client: aiohttp.ClientSession, body: object
) -> None:
    ticket = prober.components.inflight_runs.open_run(create_run_id(), {}, now=1.0)
    assert await post_notification(prober, client, body) == 200
    assert ticket.notified_at is None
    assert prober.read_sample("canary_requests_total", outcome="unknown_id") == 0


async def test_the_clock_never_starts_after_the_function_was_reached() -> None:
    ledger = InflightRuns(now=0.0)
    ticket = ledger.open_run("a", {}, now=1.0)
    assert ticket.find_left_alertmanager_at(1.0) is None
    ticket.notified_at = 5.0
    assert ticket.find_left_alertmanager_at(1.0) == Bounds.exactly(5.0)
    ledger.contacts.add_check(4.0)
    call = Call(contact=Bounds.exactly(6.0), arrived_at=6.0, finished=None)
    ticket.add_call(call, ledger.contacts.add_call("a", 6.0))
    assert ticket.find_left_alertmanager_at(1.0) == Bounds.exactly(4.0)


@pytest.mark.parametrize(
    ("notified_at", "start", "selection", "end_to_end"),
    [
        (None, Bounds(1.0, 4.0), Bounds(0.0, 3.0), Bounds(2.5, 5.5)),
        (5.0, Bounds(2.0, 4.0), Bounds(0.0, 2.0), Bounds(2.5, 4.5)),
        (3.0, Bounds(2.0, 3.0), Bounds(0.0, 2.0), Bounds(3.5, 4.5)),
        (1.0, Bounds.exactly(1.0), Bounds(1.0, 3.0), Bounds.exactly(5.5)),
    ],
)
async def test_a_clock_that_starts_at_an_uncertain_contact_makes_the_times_uncertain(
    notified_at: float | None, start: Bounds, selection: Bounds, end_to_end: Bounds
) -> None:
    ledger = InflightRuns(now=0.0)
    ticket = ledger.open_run("a", {}, now=1.0)
    ticket.notified_at = notified_at
    for at in (2.0, 4.0):
        ledger.contacts.add_check(at)
    call = Call(contact=Bounds.exactly(6.0), arrived_at=6.0, finished=Bounds.exactly(6.5))
    ticket.add_call(call, ledger.contacts.add_call("a", 6.0))
    assert ticket.find_left_alertmanager_at(1.0) == start
    evidence = Evidence(0.0, 1.0, calls=ticket.calls, started_at=start, is_synchronous=False)
    stages = canary_observer.measure_stages(evidence)
    assert stages[Stage.REMEDIATION_SELECTION] == selection
    assert stages[Stage.END_TO_END] == end_to_end


def test_a_prober_that_stood_still_while_it_answered_knows_its_times_within_bounds() -> None:
    call = Call(Bounds.exactly(6.0), arrived_at=6.0, finished=Bounds(6.5, 6.75))
    evidence = Evidence(0.0, 1.0, replied_at=7.0, status=200, calls=(call,))
    stages = canary_observer.measure_stages(evidence) | reply_observer.measure_stages(evidence)
    assert stages == {
        Stage.REMEDIATION_SELECTION: Bounds.exactly(6.0),
        Stage.LAMBDA_EXECUTION: Bounds(0.5, 0.75),
        Stage.END_TO_END: Bounds(6.5, 6.75),
        Stage.CLOUDEVENT_PROCESSING: Bounds(6.25, 6.5),
    }


async def test_a_slow_body_does_not_delay_other_requests(
    prober: InProcessProber, client: aiohttp.ClientSession
) -> None:
    host, port = prober.canary_url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /alertmanager HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    ticket = prober.components.inflight_runs.open_run(create_run_id(), {}, now=1.0)
    assert await post_notification(prober, client, build_notification(ticket.id)) == 200
    assert ticket.notified_at is not None
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("place", "method", "counted"),
    [
        ("/{}/health", "GET", 1),
        ("/x/{}.ai.svc.cluster.local/", "GET", 1),
        ("/anything", "POST", 0),
        ("/health/x", "POST", 0),
        ("/slo-probe-0123456789abcdef0123456789abcdef", "POST", 0),
        ("/{}/health", "after the verdict", 0),
    ],
)
async def test_a_call_at_another_place_is_a_wrong_one_of_the_run_it_names(
    prober: InProcessProber, client: aiohttp.ClientSession, place: str, method: str, counted: int
) -> None:
    run_id = create_run_id()
    ticket = prober.components.inflight_runs.open_run(run_id, {"probe_id": run_id}, now=0.0)
    if method == "after the verdict":
        prober.components.inflight_runs.close_run(ticket, now=2.0)
        method = "GET"
    async with client.request(method, prober.canary_url + place.format(run_id)) as reply:
        assert reply.status == 404
    seen = [(call.parameters_ok, call.finished is None) for call in ticket.calls]
    assert seen == [(False, False)] * counted
