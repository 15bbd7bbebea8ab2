"""Loads of the running prober: results, refusals, an overloaded target, and stops."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import bcrypt
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from exporter.loadtest.result import ScenarioResult, ScenarioState
from slos.schema.contract import Scenario
from tests.exporter.conftest import Serve
from tests.exporter.environment import (
    RARE_REMEDIATION,
    ProberEnvironment,
    ProberProcess,
    build_remediation,
    run_environment,
    wait_until,
)
from tests.exporter.slo_probe import ProcessResult, run_program, start_program, wait_for_end
from tests.exporter.slo_probe import wait_until as until_true
from tests.exporter.test_failover import steal
from tests.exporter.tls_files import TlsFiles

PREFIX = "agent_sre_validation_"
QUICK = {"timeout": "5s", "late_after": "4s", "max_send_lag": "4s"}
QUICK |= {"settle": "50ms", "rest": "50ms"}
ENDLESS = {**QUICK, "rates": [5], "hold": "60s", "targets": {"lambda_execution": 1}}
STEPS = {
    **QUICK,
    "rates": [10, 30],
    "hold": "1s",
    "targets": {"cloudevent_processing": 5, "linear_issue_creation": 5, "lambda_execution": 5},
}


def scenarios(at: ProberEnvironment, **sections: object) -> None:
    """Allow these, with a stand-in for Linear and next to no probes."""
    at.settings["scenarios"] = {"linear": "stand-in", **sections}
    at.settings["probes"] = RARE_REMEDIATION


async def asked(prober: ProberProcess, *arguments: str) -> ProcessResult:
    """`slo-probe scenario`, to its end."""
    return await wait_for_end(
        await start_program("scenario", *arguments, "--at", await prober.wait_for_url("web"))
    )


async def state(prober: ProberProcess) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await prober.get_page("/-/scenario"))[1])
    return found


async def send(prober: ProberProcess, method: str, name: str = "") -> tuple[int, str]:
    """Ask for a scenario, or for its end."""
    url = f"{await prober.wait_for_url('web')}/-/scenario{name and '/' + name}"
    async with aiohttp.ClientSession() as client, client.request(method, url) as reply:
        return reply.status, await reply.text()


async def begun(prober: ProberProcess, name: str, *, events: int) -> None:
    """Ask for a scenario, and wait until so many events of it have been sent."""
    assert (await send(prober, "POST", name))[0] == 202

    async def sent() -> bool:
        running = (await state(prober))["running"]
        return running is not None and running["events"] >= events

    await until_true(sent)


async def over(prober: ProberProcess, name: str) -> dict[str, Any]:
    """Wait until nothing runs any more; gives the newest result."""
    newest: dict[str, Any] = {}

    async def rests() -> bool:
        status, text = await prober.get_page("/-/scenario")
        if status != HTTPStatus.OK:  # who lost the lease stands by for a moment
            return False
        told = json.loads(text)
        newest.update(next(iter(told["results"].get(name, ())), {}))
        return told["running"] is None and bool(newest)

    await until_true(rests)
    return newest


@dataclass(frozen=True)
class Gauges:
    """What a scrape shows of scenarios."""

    samples: dict[tuple[str, str, str], float]

    def of(self, name: str, scenario: str) -> dict[str, float]:
        """By the value of the other label, "" where there is none."""
        return {key[2]: value for key, value in self.samples.items() if key[:2] == (name, scenario)}


async def gauges(prober: ProberProcess) -> Gauges:
    found = {}
    for family in text_string_to_metric_families((await prober.get_page("/metrics"))[1]):
        for sample in family.samples:
            labels = dict(sample.labels)
            scenario = labels.pop("scenario", None)
            if scenario:
                other = next(iter(labels.values()), "")
                found[sample.name.removeprefix(PREFIX), scenario, other] = sample.value
    return Gauges(found)


def by_probe(at: ProberEnvironment) -> Counter[str]:
    """The runs that the journal remembers."""
    return Counter(probe for *_, probe in probes(at))


def probes(at: ProberEnvironment) -> list[tuple[str, str, str, str]]:
    """Id, state, verdict and probe of every run."""
    connection = sqlite3.connect(at.journal)
    try:
        return connection.execute("SELECT id, state, verdict, probe FROM runs").fetchall()
    finally:
        connection.close()


STAGES = {
    "cloudevent_processing",
    "linear_issue_creation",
    "remediation_selection",
    "lambda_execution",
}


async def test_a_throughput_run_counts_for_no_probe(at: ProberEnvironment) -> None:
    scenarios(at, throughput=STEPS)
    at.settings["probes"] = build_remediation("100ms")
    async with at.run_prober() as prober:
        await prober.wait_for_url("web")
        done = await asked(prober, "throughput", "--json")
        assert done.code == 0, done
        result = json.loads(done.out)
        assert (result["state"], result["met"], result["events"]) == ("completed", True, 41)
        assert [step["sent"] for step in result["steps"]] == [10, 30]
        shown = await gauges(prober)
        held = shown.of("throughput_events_per_second", "throughput")
        assert set(held) == STAGES
        assert all(9 < value <= 30 for value in held.values()), held
        assert list(shown.of("scenario_completed_timestamp_seconds", "throughput")) == [""]
        assert "10 events a second: 10 sent (10 ok)" in done.err

        counted = await prober.read_counter("probe_runs_total", "probe")
        assert set(counted) == {"remediation"}
        executed = (await prober.read_counter("canary_requests_total", "outcome"))["executed"]
        assert executed <= by_probe(at)["remediation"]
        runs = json.loads((await prober.get_page("/runs"))[1])
        assert {run["probe"] for run in runs} == {"remediation"}
        assert by_probe(at)["scenario_throughput"] == 41
        _, text = await prober.get_page("/metrics")
        assert 'probe="scenario' not in text
        await wait_until(lambda: at.count_states()["cleaned"] >= 41)
        before = shown
    async with at.run_prober(at.write_config(probes=RARE_REMEDIATION)) as again:
        await again.wait_for_url("web")
        name = "throughput_events_per_second"
        assert (await gauges(again)).of(name, "throughput") == before.of(name, "throughput")
        completed = "scenario_completed_timestamp_seconds"
        assert (await gauges(again)).of(completed, "throughput") == before.of(
            completed, "throughput"
        )
        await wait_until(lambda: not at.list_open_issues())


async def test_who_asks_wrongly_hears_why(at: ProberEnvironment) -> None:
    scenarios(at, throughput=ENDLESS)
    async with at.run_prober() as prober:
        assert (await send(prober, "POST", "marathon")) == (
            404,
            "unknown scenario 'marathon'; known scenarios: scalability, stress, throughput\n",
        )
        status, text = await send(prober, "POST", "stress")
        assert status == 404
        assert "not configured" in text
        assert (await send(prober, "DELETE"))[0] == 404
        await begun(prober, "throughput", events=3)
        assert (await send(prober, "POST", "throughput"))[0] == 409
        busy = await asked(prober, "throughput")
        assert (busy.code, "only one can run" in busy.err) == (2, True)
        assert (await gauges(prober)).of("scenario_running", "throughput") == {"": 1.0}
        assert (await send(prober, "DELETE"))[0] == 202
        result = await over(prober, "throughput")
        assert (result["state"], result["reason"]) == ("stopped", "operator")
        shown = await gauges(prober)
        assert shown.of("scenario_running", "throughput") == {"": 0.0}
        assert shown.of("scenario_completed_timestamp_seconds", "throughput") == {}
        assert (await state(prober))["configured"] == ["throughput"]


async def test_too_many_real_issues_are_refused(at: ProberEnvironment) -> None:
    scenarios(at, linear="real", real_issues=40, throughput=STEPS)
    async with at.run_prober() as prober:
        status, text = await send(prober, "POST", "throughput")
        assert status == 403
        assert "41 events" in text
        refused = await asked(prober, "throughput")
        assert (refused.code, refused.out) == (2, "")
        assert at.agent.counters.received == 0


async def test_a_load_is_not_sent_when_its_issues_open_elsewhere(at: ProberEnvironment) -> None:
    scenarios(at, throughput=ENDLESS)
    at.linear.faults.set("lag:60")  # what is opened does not show, as if it were elsewhere
    async with at.run_prober() as prober:
        done = await asked(prober, "throughput", "--json")
        assert done.code == 2
        result = json.loads(done.out)
        assert (result["reason"], result["events"]) == ("issues_elsewhere", 1)


async def test_a_standby_refuses(at: ProberEnvironment) -> None:
    scenarios(at, throughput=ENDLESS)
    async with at.run_prober() as first:
        await first.wait_for_url("canary")
        second = at.write_config("second.yaml", canary={"listen": "127.0.0.1:0"})
        async with at.run_prober(second) as other:
            assert (await send(other, "POST", "throughput"))[0] == 503
            assert (await other.get_page("/-/scenario"))[0] == 503
            assert (await asked(other, "throughput")).code == 2


SLOW = {"capacity": 20, "burst_seconds": 0, "health_timeout": 0.6}
STRESS = {**QUICK, "levels": [2, 4, 40], "promised": 3, "recover_within": "2s"}
SCALING = {**QUICK, "rates": [5, 40], "hold": "1s"}


async def test_stress_finds_the_level_that_breaks_it_and_sees_it_recover(tmp_path: Path) -> None:
    async with run_environment(tmp_path, agent=SLOW) as at:
        scenarios(at, linear="none", stress=STRESS)
        async with at.run_prober() as prober:
            await prober.wait_for_url("web")
            done = await asked(prober, "stress")
            assert done.code == 0, done
            assert "stress: met" in done.out
            shown = await gauges(prober)
            ratios = shown.of("concurrency_completed_ratio", "stress")
            assert (ratios["2"], ratios["4"], ratios["40"] < 0.995) == (1.0, 1.0, True)
            assert shown.of("breaking_point_level", "stress") == {"": 40.0}
            assert 0 < shown.of("breaking_point_events_per_second", "stress")[""] < 40
            assert list(shown.of("throughput_events_per_second", "stress")) == ["end_to_end"]


async def test_stress_that_is_too_much_below_the_promise_is_not_met(tmp_path: Path) -> None:
    async with run_environment(tmp_path, agent=SLOW) as at:
        scenarios(at, linear="none", stress={**STRESS, "promised": 20})
        async with at.run_prober() as prober:
            await prober.wait_for_url("web")
            done = await asked(prober, "stress", "--json")
            assert done.code == 1, done
            result = json.loads(done.out)
            assert (result["state"], result["met"]) == ("completed", False)


async def test_events_that_are_executed_twice_are_no_throughput(at: ProberEnvironment) -> None:
    rest = {"rates": [10], "hold": "2s", "targets": {"lambda_execution": 1}}
    scenarios(at, throughput={**ENDLESS, **rest})
    async with at.run_prober() as prober:
        await begun(prober, "throughput", events=2)
        at.agent.faults.set("duplicated")
        result = await over(prober, "throughput")
        assert (result["state"], result["met"]) == ("completed", False)
        assert result["steps"][0]["verdicts"]["duplicated"] > 10
        held = (await gauges(prober)).of("throughput_events_per_second", "throughput")
        assert held["lambda_execution"] == held["cloudevent_processing"] == 0
        assert held["linear_issue_creation"] > 5, "its issues were opened all the same"


class Replicas:
    """A Prometheus that knows how many replicas there are."""

    def __init__(self) -> None:
        self.count = "1"
        self.asked = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/v1/query", self._query)
        return app

    async def _query(self, _: web.Request) -> web.Response:
        self.asked += 1
        result = [{"metric": {}, "value": [1.7e9, self.count]}] if self.count else []
        data = {"resultType": "vector", "result": result}
        return web.json_response({"status": "success", "data": data})


@contextlib.asynccontextmanager
async def scaled(tmp_path: Path, serving: Serve) -> AsyncIterator[tuple[ProberProcess, Replicas]]:
    """A prober that may send the load, and asks how many replicas there are."""
    replicas = Replicas()
    async with run_environment(tmp_path, agent=SLOW) as at:
        at.settings["prometheus"] = {"url": await serving(replicas.app())}
        scenarios(at, linear="none", scalability=SCALING)
        async with at.run_prober() as prober:
            yield prober, replicas


async def efficiency(prober: ProberProcess) -> dict[str, float]:
    return (await gauges(prober)).of("scaling_efficiency_ratio", "scalability")


async def test_scalability_compares_replicas(tmp_path: Path, serving: Serve) -> None:
    async with scaled(tmp_path, serving) as (prober, replicas):
        await prober.wait_for_url("web")
        replicas.count = "2"
        alone = await asked(prober, "scalability")
        assert (alone.code, "no run with 1 replica" in alone.out) == (2, True)
        assert await efficiency(prober) == {}
        replicas.count = "1"
        assert (await asked(prober, "scalability")).code == 0
        # The stand-in is as fast as before: two that do the work of one.
        assert (await efficiency(prober))["1"] == 1.0
        assert 0.3 < (await efficiency(prober))["2"] < 0.7
        replicas.count = "2"
        assert (await asked(prober, "scalability")).code == 1
        replicas.count = ""
        unknown = await asked(prober, "scalability", "--json")
        assert json.loads(unknown.out)["reason"] == "replicas_unknown"


async def test_replicas_that_change_end_it(tmp_path: Path, serving: Serve) -> None:
    async with scaled(tmp_path, serving) as (prober, replicas):
        await begun(prober, "scalability", events=1)
        await wait_until(lambda: replicas.asked == 1)
        replicas.count = "2"
        assert (await over(prober, "scalability"))["reason"] == "replicas_changed"
        assert await efficiency(prober) == {}


COMPLETED = "scenario_completed_timestamp_seconds"
LOAD = "scenario_throughput"


async def by_reload(prober: ProberProcess, _: ProberEnvironment) -> None:
    url = await prober.wait_for_url("web")
    async with aiohttp.ClientSession() as client, client.post(f"{url}/-/reload") as reply:
        assert reply.status == 200


async def by_lease(_: ProberProcess, at: ProberEnvironment) -> None:
    os.close(steal(at.folder / "journal.sqlite.lease"))


async def by_failures(_: ProberProcess, at: ProberEnvironment) -> None:
    at.agent.faults.set("error")


@pytest.mark.parametrize(
    ("cause", "reason"),
    [(by_reload, "reloaded"), (by_lease, "lease_lost"), (by_failures, "normal_failures")],
)
async def test_a_load_is_stopped_at_once(
    at: ProberEnvironment,
    cause: Callable[[ProberProcess, ProberEnvironment], Awaitable[None]],
    reason: str,
) -> None:
    scenarios(at, normal_failures=2, throughput=ENDLESS)
    at.settings["probes"] = build_remediation("200ms")
    async with at.run_prober() as prober:
        await begun(prober, "throughput", events=4)
        await cause(prober, at)
        result = await over(prober, "throughput")
        assert (result["state"], result["reason"], result["met"]) == ("stopped", reason, None)
        assert 4 <= result["events"] < 60
        assert (await gauges(prober)).of(COMPLETED, "throughput") == {}
        at.agent.faults.set("none")
        # What was due and not yet sent when the lease was lost is nobody's fault but ours.
        known = {"ok", "rejected", *(["unknown"] if reason == "lease_lost" else [])}
        assert {run[2] for run in probes(at) if run[3] == LOAD} <= known
        assert by_probe(at)[LOAD] == result["events"]


async def test_a_shutdown_ends_a_load(at: ProberEnvironment, tmp_path: Path) -> None:
    scenarios(at, throughput=ENDLESS)
    async with at.run_prober() as prober:
        await begun(prober, "throughput", events=4)
        at.agent.faults.set("hang")
        before = at.agent.counters.received
        await wait_until(lambda: by_probe(at)[LOAD] > before + 2)
        assert (await prober.stop()).code == 0
    assert at.count_states().keys() <= {"judged", "observed", "cleaned"}
    (result,) = json.loads((tmp_path / "journal.sqlite.scenarios").read_text())
    assert (result["state"], result["reason"]) == ("stopped", "shutdown")
    at.agent.faults.set("none")
    async with at.run_prober() as again:
        await again.wait_for_url("web")
        await wait_until(
            lambda: not at.list_open_issues() and set(at.count_states()) == {"cleaned"}
        )


async def test_a_killed_load_is_cleaned_up(at: ProberEnvironment) -> None:
    scenarios(at, throughput=ENDLESS)
    async with at.run_prober() as prober:
        url = await prober.wait_for_url("web")
        asking = await start_program("scenario", "throughput", "--at", url)
        await wait_until(lambda: by_probe(at)[LOAD] > 1)
        at.agent.faults.set("slow:lambda_execution:1.5")
        await wait_until(lambda: at.count_states()["sent"] > 2)
        await prober.kill()
        cut_off = {run[0]: run[1] for run in probes(at)}
    at.agent.faults.set("none")
    at.settings["web"] = {"listen": url.removeprefix("http://")}
    async with at.run_prober(at.write_config(probes=RARE_REMEDIATION)) as again:
        await again.wait_for_url("canary")
        await wait_until(
            lambda: not at.list_open_issues() and set(at.count_states()) == {"cleaned"}
        )
        told = await wait_for_end(asking)
        assert (told.code, "cut_off" in told.out) == (2, True)
        await again.read_counter("in_flight")  # what an earlier process left is counted after it
        assert (await again.read_counter("probe_runs_total", "probe")).total() == 0
        assert (await again.read_counter("canary_requests_total", "outcome")).total() == 0
        shown = await gauges(again)
        assert shown.of(COMPLETED, "throughput") == {}
        assert json.loads((await again.get_page("/runs"))[1]) == []
        (result,) = (await state(again))["results"]["throughput"]
        assert (result["state"], result["reason"]) == ("stopped", "cut_off")
    verdicts: dict[str, Any] = {run[0]: run[2] for run in probes(at)}
    assert set(verdicts) == set(cut_off)
    unjudged = {run for run, state in cut_off.items() if state in {"planned", "sent"}}
    assert {run for run, verdict in verdicts.items() if verdict == "unknown"} == unjudged


async def test_whoever_waits_no_longer_stops_the_load(at: ProberEnvironment) -> None:
    scenarios(at, throughput=ENDLESS)
    async with at.run_prober() as prober:
        asking = await start_program(
            "scenario", "throughput", "--at", await prober.wait_for_url("web")
        )
        await wait_until(lambda: by_probe(at)[LOAD] > 3)
        asking.send_signal(signal.SIGTERM)
        assert (await wait_for_end(asking)).code == 2
        assert (await over(prober, "throughput"))["reason"] == "operator"


async def test_what_is_called_after_its_verdict_counts_for_nobody(at: ProberEnvironment) -> None:
    scenarios(at, throughput={**ENDLESS, "timeout": "900ms", "late_after": "800ms"})
    async with at.run_prober() as prober:
        await begun(prober, "throughput", events=3)
        at.agent.faults.set("slow:lambda_execution:1.5")
        await wait_until(lambda: at.agent.counters.calls > 8)
        await asyncio.sleep(0)
        assert (await prober.read_counter("canary_requests_total", "outcome")).total() == 0


PASSWORD = "planted-s3cret"  # noqa: S105 - of a test
SMALL = {**QUICK, "levels": [2], "promised": 2}


async def test_it_logs_in_over_tls_and_without_that_nobody_may_send_a_load(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path)
    authority = tmp_path / "authority.pem"
    authority.write_bytes(files.authority.cert_pem.bytes())
    (tmp_path / "password").write_text(PASSWORD)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(
        json.dumps(
            {
                "tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"},
                "basic_auth_users": {"nightly": hashed},
            }
        )
    )
    async with run_environment(tmp_path) as at:
        at.settings["web"] = {"listen": "127.0.0.1:0", "config_file": "web.yml"}
        scenarios(at, linear="none", stress=SMALL)
        async with at.run_prober() as prober:
            at_url = ["scenario", "stress", "--at", await prober.wait_for_url("web")]
            trust = [*at_url, "--ca-file", str(authority)]
            login = ["--user", "nightly", "--password-file", str(tmp_path / "password")]
            stranger = await run_program(*trust)
            assert (stranger.code, stranger.err) == (2, "error: unauthorized\n")
            assert at.agent.counters.received == 0
            doubtful = await run_program(*at_url, *login)
            assert (doubtful.code, "TLS failed" in doubtful.err) == (2, True)
            done = await run_program(*trust, *login)
            assert (done.code, "stress: met" in done.out) == (0, True), done
            assert PASSWORD not in done.out + done.err


async def test_an_early_stop_ends_the_load(serving: Serve) -> None:
    asked: list[str] = []
    begins, may_answer = asyncio.Event(), asyncio.Event()

    async def page(request: web.Request) -> web.Response:
        asked.append(request.method)
        if request.method == "POST":
            begins.set()
            await may_answer.wait()
        return web.json_response(answer.to_json(), status=202)

    answer = ScenarioResult("0", Scenario.STRESS, ScenarioState.RUNNING, 0.0, unit="")
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", page)
    process = await start_program("scenario", "stress", "--at", await serving(app))
    async with asyncio.timeout(30):
        await begins.wait()
    process.send_signal(signal.SIGTERM)
    status = Path(f"/proc/{process.pid}/status")
    await wait_until(lambda: "ShdPnd:\t0000000000000000" in status.read_text())
    may_answer.set()
    told = await wait_for_end(process)
    assert told.code == 2
    assert (asked[0], asked[-1]) == ("POST", "DELETE"), told


async def test_another_server_is_told_apart(serving: Serve) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.json_response({"hello": "there"}, status=202)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", page)
    other = await run_program("scenario", "stress", "--at", await serving(app))
    assert (other.code, other.err) == (2, "error: the response is not from slo-probe\n")
