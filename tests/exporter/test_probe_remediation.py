"""The remediation probe: the verdict for each fault of agent-sre."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from exporter.fields import Address
from exporter.listener.server import bind_socket, format_url
from exporter.model.verdict import Reason
from slos.schema.contract import Stage, Verdict
from tests.exporter.conftest import Serve
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.in_process_prober import (
    PATIENT_SETTINGS,
    SHORT_SETTINGS,
    STRICT_SETTINGS,
    InProcessProber,
    run_prober,
)

OTHER_RUN = f"slo-probe-{7:032x}"
SETTINGS = {
    Verdict.LATE: STRICT_SETTINGS,
    Verdict.LOST: SHORT_SETTINGS,
    Verdict.TIMEOUT: SHORT_SETTINGS,
    Verdict.UNREACHABLE: SHORT_SETTINGS,
}


async def test_a_working_agent_is_ok_with_every_visible_stage(prober: InProcessProber) -> None:
    # A busy machine may suspend the prober during a run, whose times are then known within bounds.
    results = [await prober.run_alert() for _ in range(5)]
    for result in results:
        assert (result.verdict, result.reason) == (Verdict.OK, Reason.EXECUTED_ONCE)
        assert list(result.stages) == [
            Stage.CLOUDEVENT_PROCESSING,
            Stage.REMEDIATION_SELECTION,
            Stage.LAMBDA_EXECUTION,
            Stage.END_TO_END,
        ]
        assert 0 < result.stages[Stage.END_TO_END].high < 15
    assert any(all(bounds.is_certain for bounds in result.stages.values()) for result in results)
    assert prober.read_sample("checks_total", criterion="success.availability", result="pass") == 5


@pytest.mark.parametrize(
    ("knobs", "verdict", "reason"),
    [
        ({"executions": 0}, Verdict.LOST, Reason.NEVER_EXECUTED),
        ({"executions": 2}, Verdict.DUPLICATED, Reason.EXECUTED_TWICE),
        ({"call_delay": 0.5}, Verdict.LATE, Reason.EXECUTED_LATE),
        ({"parameter_overrides": {"nonce": "x"}}, Verdict.CORRUPTED, Reason.WRONG_PARAMETERS),
        ({"parameter_overrides": {"probe_id": "x"}}, Verdict.CORRUPTED, Reason.WRONG_PARAMETERS),
        ({"omits_probe_id": True}, Verdict.CORRUPTED, Reason.WRONG_PARAMETERS),
        ({"parameter_overrides": {"added": [1]}}, Verdict.OK, Reason.EXECUTED_ONCE),
        ({"event_id": "converted"}, Verdict.OK, Reason.EXECUTED_ONCE),
        ({"checks_health": False}, Verdict.OK, Reason.EXECUTED_ONCE),
        ({"status": 500, "executions": 0}, Verdict.REJECTED, Reason.SERVER_ERROR),
        ({"status": 500}, Verdict.REJECTED, Reason.REJECTED_BUT_EXECUTED),
        ({"status": 302, "executions": 0}, Verdict.REJECTED, Reason.REDIRECTED),
        ({"replies": False, "executions": 0}, Verdict.TIMEOUT, Reason.NO_REPLY),
        ({"replies": False}, Verdict.TIMEOUT, Reason.NO_REPLY_BUT_EXECUTED),
        ({"aborts_connection": True}, Verdict.TIMEOUT, Reason.REPLY_LOST_BUT_EXECUTED),
        (
            {"reply_overrides": {"event_id": OTHER_RUN}},
            Verdict.CORRUPTED,
            Reason.FOREIGN_REPLY,
        ),
        (
            {"reply_overrides": {"correlation_id": OTHER_RUN}, "executions": 0},
            Verdict.CORRUPTED,
            Reason.FOREIGN_REPLY,
        ),
        ({"extra_bytes": b"extra"}, Verdict.REJECTED, Reason.UNEXPECTED_REPLY),
        ({"reply_overrides": {"status": "queued"}}, Verdict.REJECTED, Reason.UNEXPECTED_REPLY),
        ({"reply_overrides": {"event_id": None}}, Verdict.REJECTED, Reason.UNEXPECTED_REPLY),
        (
            {"reply_overrides": {"status": "queued"}, "executions": 0},
            Verdict.LOST,
            Reason.NEVER_EXECUTED,
        ),
        (
            {"aborts_connection": True, "executions": 0},
            Verdict.UNREACHABLE,
            Reason.CONNECTION_RESET,
        ),
    ],
)
async def test_each_misbehaviour_has_its_verdict(
    prober: InProcessProber,
    agent: FakeAgent,
    knobs: dict[str, object],
    verdict: Verdict,
    reason: Reason,
) -> None:
    for knob, value in knobs.items():
        setattr(agent, knob, value)
    prober.use_settings(SETTINGS.get(verdict, PATIENT_SETTINGS))
    result = await prober.run_alert()
    assert (result.verdict, result.reason) == (verdict, reason)
    counted = prober.read_sample(
        "probe_runs_total",
        probe="remediation",
        path="direct",
        verdict=verdict.value,
        accepted="false",
    )
    assert counted == 1


async def test_a_lease_that_is_lost_after_the_decision_to_send_keeps_the_event_back(
    prober: InProcessProber, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = iter([True])
    health = prober.components.alert_runner._health
    monkeypatch.setattr(health, "_may_send", lambda: next(held, False))
    result = await prober.run_alert()
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, Reason.LEASE_LOST)
    assert result.leftovers == ()
    assert agent.events == []


async def test_a_call_that_names_another_run_is_corrupted(
    prober: InProcessProber, agent: FakeAgent
) -> None:
    earlier = await prober.run_alert()
    agent.event_id = earlier.id
    result = await prober.run_alert()
    assert (result.verdict, result.reason) == (Verdict.CORRUPTED, Reason.FOREIGN_ID)


async def test_a_port_without_a_listener_is_unreachable_at_once(tmp_path: Path) -> None:
    listener = bind_socket("gone", Address("127.0.0.1", 0))
    address = format_url(listener)
    listener.close()
    async with run_prober(tmp_path / "journal.sqlite", address) as prober:
        async with asyncio.timeout(10):
            result = await prober.run_alert()
    assert (result.verdict, result.reason) == (Verdict.UNREACHABLE, Reason.CONNECTION_REFUSED)
    assert result.stages == {}


async def test_redirects_are_not_followed(tmp_path: Path, serving: Serve, agent: FakeAgent) -> None:
    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": agent.url})

    app = web.Application()
    app.router.add_post("/", redirect)
    async with run_prober(tmp_path / "journal.sqlite", await serving(app)) as prober:
        result = await prober.run_alert()
    assert result.reason is Reason.REDIRECTED
    assert agent.events == []


async def test_late_executions_are_counted(prober: InProcessProber, agent: FakeAgent) -> None:
    agent.call_delay = 1.3
    prober.use_settings(SHORT_SETTINGS)
    result = await prober.run_alert()
    assert result.verdict is Verdict.TIMEOUT
    async with asyncio.timeout(5):
        await agent.canary_called.wait()
    assert agent.canary_statuses == [200]
    assert prober.read_sample("canary_requests_total", outcome="after_verdict") == 1
    assert prober.read_sample("canary_requests_total", outcome="executed") == 0
    assert (await prober.components.journal.list_recent(1))[0].verdict is Verdict.TIMEOUT


async def test_a_prober_told_to_stop_gives_up_as_unknown(
    prober: InProcessProber, agent: FakeAgent
) -> None:
    agent.replies = False
    running = asyncio.create_task(prober.run_alert())
    await agent.event_received.wait()
    prober.components.health.abort.set()
    async with asyncio.timeout(10):
        result = await running
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, Reason.SHUTDOWN)


async def test_an_event_is_never_sent_before_its_time(
    prober: InProcessProber, agent: FakeAgent
) -> None:
    result = await prober.run_alert(late_by=-0.3)
    assert result.verdict is Verdict.OK
    assert 0 < result.stages[Stage.REMEDIATION_SELECTION].high < 15
    lag = prober.read_sample("schedule_lag_seconds_sum", probe="remediation")
    assert lag is not None
    assert 0 <= lag < 5
    assert len(agent.events) == 1


async def test_an_event_sent_too_late_is_unknown_and_no_sli(prober: InProcessProber) -> None:
    result = await prober.run_alert(late_by=6.0)
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, Reason.SENT_LATE)
    assert prober.read_sample("checks_total", criterion="success.availability", result="pass") == 0
    assert prober.read_sample("checks_total", criterion="success.availability", result="fail") == 0
    count = prober.read_sample(
        "stage_duration_seconds_count",
        probe="remediation",
        path="direct",
        stage="end_to_end",
        source="canary",
    )
    assert count == 0


async def test_a_probe_that_raises_is_unknown_and_logged(
    prober: InProcessProber, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("exporter.paths.direct.build_fired_event", broken)
    result = await prober.run_alert()
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, Reason.INTERNAL_ERROR)
    assert "ZeroDivisionError" in caplog.text


async def test_a_prober_that_stood_still_does_not_blame_the_target(prober: InProcessProber) -> None:
    prober.status.heartbeat.period = 1.0
    prober.status.heartbeat.last_beat -= 10.0
    result = await prober.run_alert()
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, Reason.PROBER_STALLED)
