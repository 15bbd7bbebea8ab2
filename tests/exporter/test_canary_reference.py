"""The protocol of the canary in the reference is the one that it speaks."""

import aiohttp
import pytest

from exporter.prober.canary import REQUIRED_HEADERS
from exporter.prober.inflight import InflightRun
from exporter.reference import page as reference
from exporter.reference.event import build_example_alert
from slos.schema.contract import CanaryOutcome
from tests.exporter.canary_harness import CanaryHarness, start_canary
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import FakeClock

ALERT = build_example_alert()


@pytest.fixture
async def harness(serving: Serve, clock: FakeClock) -> CanaryHarness:
    return await start_canary(serving, clock)


def open_run(canary: CanaryHarness) -> InflightRun:
    return canary.ledger.open_run(ALERT.id, dict(ALERT.parameters), now=canary.clock.now())


def test_the_paths_are_those_that_the_canary_serves(harness: CanaryHarness) -> None:
    served = {
        (route.method, resource.canonical if route.method != "*" else "/{astray:.+}")
        for resource in harness.canary.app.router.resources()
        for route in resource
        if route.method != "HEAD"
    }
    assert served == set(reference.PATHS)


async def test_the_call_on_the_page_gets_the_reply_on_the_page(
    harness: CanaryHarness,
    client: aiohttp.ClientSession,
) -> None:
    inflight_run = open_run(harness)
    headers, body = reference.build_example_call()
    async with client.post(harness.url, data=body.encode(), headers=headers) as reply:
        text = await reply.text()
        written = [f"HTTP/1.1 {reply.status} OK"]
        written += [f"{name}: {value}" for name, value in reply.headers.items()]
    section = reference.render_canary_section()
    reply_lines = section[section.index("HTTP/1.1 200 OK") :]
    shown = reply_lines[: reply_lines.index("")]
    assert [line for line in shown if line not in written] == []
    assert reply_lines[len(shown) + 1] == text
    (call,) = inflight_run.calls
    assert (call.parameters_ok, call.foreign_id, call.alias) == (True, False, None)


@pytest.mark.parametrize("header", REQUIRED_HEADERS)
async def test_a_call_without_a_required_header_is_malformed(
    harness: CanaryHarness,
    client: aiohttp.ClientSession,
    header: str,
) -> None:
    headers, body = reference.build_example_call()
    del headers[header]
    async with client.post(harness.url, data=body.encode(), headers=headers) as reply:
        assert reply.status == reference.OUTCOMES[CanaryOutcome.MALFORMED][0]
    assert harness.outcomes == [CanaryOutcome.MALFORMED]


@pytest.mark.parametrize("outcome", CanaryOutcome)
async def test_each_outcome_has_the_status_in_the_table(
    harness: CanaryHarness,
    client: aiohttp.ClientSession,
    outcome: CanaryOutcome,
) -> None:
    if outcome is CanaryOutcome.EXECUTED:
        open_run(harness)
    if outcome is CanaryOutcome.AFTER_VERDICT:
        harness.journalled.add(ALERT.id)
    headers, body = reference.build_example_call()
    data = b"[]" if outcome is CanaryOutcome.MALFORMED else body.encode()
    async with client.post(harness.url, data=data, headers=headers) as reply:
        assert reply.status == reference.OUTCOMES[outcome][0]
    assert harness.outcomes == [outcome]
