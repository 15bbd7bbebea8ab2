"""Load scenarios on a running prober: results, refused requests and log-in."""

import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import bcrypt
import pytest
from aiohttp import web

from exporter.loadtest.result import ScenarioResult, ScenarioState
from exporter.simulator.agent_sre import linear as agent_linear
from tests.exporter.conftest import Serve
from tests.exporter.environment import (
    RARE_REMEDIATION,
    ProberEnvironment,
    ProberProcess,
    build_remediation,
    run_environment,
    wait_until,
)
from tests.exporter.journal_harness import read_files
from tests.exporter.loadtest.scenario_process import (
    ENDLESS,
    QUICK,
    STEPS,
    configure_scenarios,
    count_runs_by_probe,
    read_scenario_metrics,
    read_state,
    run_scenario,
    send_request,
    start_scenario,
    wait_for_result,
)
from tests.exporter.slo_probe import run_program
from tests.exporter.tls_files import TlsFiles

STAGES = {
    "cloudevent_processing",
    "linear_issue_creation",
    "remediation_selection",
    "lambda_execution",
}


async def test_a_throughput_run_counts_for_no_probe(environment: ProberEnvironment) -> None:
    configure_scenarios(environment, throughput=STEPS)
    environment.settings["probes"] = build_remediation("100ms")
    async with environment.run_prober() as prober:
        await prober.wait_for_url("web")
        done = await run_scenario(prober, "throughput", "--json")
        assert done.code == 0, done
        result = json.loads(done.out)
        assert (result["state"], result["met"], result["events"]) == ("completed", True, 41)
        assert [step["sent"] for step in result["steps"]] == [10, 30]
        assert [step["issues"] for step in result["steps"]] == [{"one": 10}, {"one": 30}]
        shown = await read_scenario_metrics(prober)
        held = shown.select("throughput_events_per_second", "throughput")
        assert set(held) == STAGES
        assert all(9 < value <= 30 for value in held.values()), held
        assert list(shown.select("scenario_completed_timestamp_seconds", "throughput")) == [""]
        events = shown.select("scenario_events", "throughput")
        assert (events["ok"], events["corrupted"], sum(events.values())) == (40, 0, 40)
        assert "10 events a second, up: 10 sent (10 ok)" in done.err

        counted = await prober.read_counter("probe_runs_total", "probe")
        assert set(counted) == {"remediation"}
        executed = (await prober.read_counter("canary_requests_total", "outcome"))["executed"]
        assert executed <= count_runs_by_probe(environment)["remediation"]
        runs = json.loads((await prober.get_page("/runs"))[1])
        assert {run["probe"] for run in runs} == {"remediation"}
        assert count_runs_by_probe(environment)["scenario_throughput"] == 41
        _, text = await prober.get_page("/metrics")
        assert 'probe="scenario' not in text
        await wait_until(lambda: environment.count_states()["cleaned"] >= 41)
        before = shown
    async with environment.run_prober(environment.write_config(probes=RARE_REMEDIATION)) as again:
        await again.wait_for_url("web")
        name = "throughput_events_per_second"
        assert (await read_scenario_metrics(again)).select(name, "throughput") == before.select(
            name, "throughput"
        )
        completed = "scenario_completed_timestamp_seconds"
        assert (await read_scenario_metrics(again)).select(
            completed, "throughput"
        ) == before.select(completed, "throughput")
        await wait_until(lambda: not environment.list_open_issues())


async def test_a_refused_request_says_why(environment: ProberEnvironment) -> None:
    configure_scenarios(environment, throughput=ENDLESS)
    async with environment.run_prober() as prober:
        assert (await send_request(prober, "POST", "marathon")) == (
            404,
            (
                "unknown scenario 'marathon'; known scenarios: baseline, concurrent, "
                "scalability, stress, sustained, throughput\n"
            ),
        )
        status, text = await send_request(prober, "POST", "stress")
        assert status == 404
        assert "not configured" in text
        assert (await send_request(prober, "DELETE"))[0] == 404
        await start_scenario(prober, "throughput", events=3)
        assert (await send_request(prober, "POST", "throughput"))[0] == 409
        busy = await run_scenario(prober, "throughput")
        assert (busy.code, "only one can run" in busy.err) == (2, True)
        assert (await read_scenario_metrics(prober)).select("scenario_running", "throughput") == {
            "": 1.0
        }
        assert (await send_request(prober, "DELETE"))[0] == 202
        result = await wait_for_result(prober, "throughput")
        assert (result["state"], result["reason"]) == ("stopped", "operator")
        shown = await read_scenario_metrics(prober)
        assert shown.select("scenario_running", "throughput") == {"": 0.0}
        assert shown.select("scenario_running", "stress") == {}, "it is not configured"
        assert shown.select("scenario_completed_timestamp_seconds", "throughput") == {}
        assert (await read_state(prober))["configured"] == ["throughput"]


async def test_too_many_real_issues_are_refused(environment: ProberEnvironment) -> None:
    configure_scenarios(environment, linear="real", real_issues=40, throughput=STEPS)
    async with environment.run_prober() as prober:
        status, text = await send_request(prober, "POST", "throughput")
        assert status == 403
        assert "41 events" in text
        refused = await run_scenario(prober, "throughput")
        assert (refused.code, refused.out) == (2, "")
        assert environment.agent.counters.received == 0


async def test_a_load_is_not_sent_when_its_issues_open_elsewhere(
    environment: ProberEnvironment,
) -> None:
    configure_scenarios(environment, throughput=ENDLESS)
    environment.linear.faults.set("lag:60")  # what is opened does not show, as if it were elsewhere
    async with environment.run_prober() as prober:
        done = await run_scenario(prober, "throughput", "--json")
        assert done.code == 2
        result = json.loads(done.out)
        assert (result["reason"], result["events"]) == ("issues_elsewhere", 1)


async def test_a_stand_in_that_refuses_a_query_is_named(
    environment: ProberEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = agent_linear.ISSUE_CREATE_MUTATION.replace("identifier", "colour")
    monkeypatch.setattr(agent_linear, "ISSUE_CREATE_MUTATION", query)
    configure_scenarios(environment, linear="stand-in", throughput=ENDLESS)
    async with environment.run_prober() as prober:
        done = await run_scenario(prober, "throughput", "--json")
        assert done.code == 2
        result = json.loads(done.out)
        assert (result["reason"], result["events"]) == ("stand_in_refused", 1)
        (note,) = result["notes"]
        assert note.startswith("the stand-in for Linear refused a query of agent-sre: Cannot query")


async def test_a_stand_in_that_cannot_be_asked_has_not_refused_a_query(
    environment: ProberEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = itertools.count(1)

    def count_rejections(_: object) -> dict[str, int]:
        if next(requests) > 1:
            raise web.HTTPInternalServerError
        return {"rejected": 7}

    monkeypatch.setattr("exporter.simulator.linear.server.asdict", count_rejections)
    configure_scenarios(environment, linear="stand-in", throughput=ENDLESS)
    environment.linear.faults.set("lag:60")
    async with environment.run_prober() as prober:
        done = await run_scenario(prober, "throughput", "--json")
        assert done.code == 2
        result = json.loads(done.out)
        assert (result["reason"], result["events"]) == ("issues_elsewhere", 1)
        (note,) = result["notes"]
        assert note.startswith("the stand-in for Linear did not say")


async def test_a_standby_refuses_scenarios(environment: ProberEnvironment) -> None:
    configure_scenarios(environment, throughput=ENDLESS)
    async with environment.run_prober() as first:
        await first.wait_for_url("canary")
        second = environment.write_config("second.yaml", canary={"listen": "127.0.0.1:0"})
        async with environment.run_prober(second) as other:
            assert (await send_request(other, "POST", "throughput"))[0] == 503
            assert (await other.get_page("/-/scenario"))[0] == 503
            assert (await run_scenario(other, "throughput")).code == 2


SLOW = {"capacity": 20, "burst_seconds": 0, "health_timeout": 0.6}
STRESS = {**QUICK, "levels": [2, 4, 40], "promised": 3, "recover_within": "2s", "ramp_up": None}
SCALING = {**QUICK, "rates": [5, 40], "hold": "1s"}


async def test_stress_finds_the_breaking_level_and_waits_for_recovery(tmp_path: Path) -> None:
    async with run_environment(tmp_path, agent=SLOW) as environment:
        configure_scenarios(environment, linear="none", stress=STRESS)
        async with environment.run_prober() as prober:
            await prober.wait_for_url("web")
            done = await run_scenario(prober, "stress")
            assert done.code == 0, done
            assert "stress: met" in done.out
            shown = await read_scenario_metrics(prober)
            ratios = shown.select("concurrency_completed_ratio", "stress")
            assert (ratios["2"], ratios["4"], ratios["40"] < 0.995) == (1.0, 1.0, True)
            assert shown.select("breaking_point_level", "stress") == {"": 40.0}
            assert 0 < shown.select("breaking_point_events_per_second", "stress")[""] < 40
            assert list(shown.select("throughput_events_per_second", "stress")) == ["end_to_end"]


async def test_stress_that_is_too_much_below_the_promise_is_not_met(tmp_path: Path) -> None:
    async with run_environment(tmp_path, agent=SLOW) as environment:
        configure_scenarios(environment, linear="none", stress={**STRESS, "promised": 20})
        async with environment.run_prober() as prober:
            await prober.wait_for_url("web")
            done = await run_scenario(prober, "stress", "--json")
            assert done.code == 1, done
            result = json.loads(done.out)
            assert (result["state"], result["met"]) == ("completed", False)


async def test_events_that_are_executed_twice_do_not_count_as_throughput(
    environment: ProberEnvironment,
) -> None:
    rest = {"rates": [10], "hold": "2s", "targets": {"lambda_execution": 1}}
    configure_scenarios(environment, throughput={**ENDLESS, **rest})
    async with environment.run_prober() as prober:
        await start_scenario(prober, "throughput", events=2)
        environment.agent.faults.set("duplicated")
        result = await wait_for_result(prober, "throughput")
        assert (result["state"], result["met"]) == ("completed", False)
        assert result["steps"][0]["verdicts"]["duplicated"] > 10
        held = (await read_scenario_metrics(prober)).select(
            "throughput_events_per_second", "throughput"
        )
        assert held["lambda_execution"] == held["cloudevent_processing"] == 0
        assert held["linear_issue_creation"] > 5, "its issues were opened all the same"


class FakePrometheus:
    """Prometheus whose every query returns the number of replicas."""

    def __init__(self) -> None:
        self.count = "1"
        self.query_count = 0

    def build_app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/v1/query", self._query)
        return app

    async def _query(self, _: web.Request) -> web.Response:
        self.query_count += 1
        result = [{"metric": {}, "value": [1.7e9, self.count]}] if self.count else []
        data = {"resultType": "vector", "result": result}
        return web.json_response({"status": "success", "data": data})


@contextlib.asynccontextmanager
async def run_with_replicas(
    tmp_path: Path, serving: Serve
) -> AsyncIterator[tuple[ProberProcess, FakePrometheus]]:
    """Run a prober with the scenario scalability and a fake Prometheus."""
    replicas = FakePrometheus()
    async with run_environment(tmp_path, agent=SLOW) as environment:
        environment.settings["prometheus"] = {"url": await serving(replicas.build_app())}
        configure_scenarios(environment, linear="none", scalability=SCALING)
        async with environment.run_prober() as prober:
            yield prober, replicas


async def read_scaling_efficiency(prober: ProberProcess) -> dict[str, float]:
    return (await read_scenario_metrics(prober)).select("scaling_efficiency_ratio", "scalability")


async def read_throughput(prober: ProberProcess) -> float:
    """Read the throughput of the last run."""
    shown = await read_scenario_metrics(prober)
    return shown.select("throughput_events_per_second", "scalability")["end_to_end"]


async def test_scalability_compares_throughput_per_replica(tmp_path: Path, serving: Serve) -> None:
    async with run_with_replicas(tmp_path, serving) as (prober, replicas):
        await prober.wait_for_url("web")
        replicas.count = "2"
        alone = await run_scenario(prober, "scalability")
        assert (alone.code, "no run with 1 replica" in alone.out) == (2, True)
        assert await read_scaling_efficiency(prober) == {}
        rate_of_two = await read_throughput(prober)
        replicas.count = "1"
        assert (await run_scenario(prober, "scalability")).code == 0
        rate_of_one = await read_throughput(prober)
        # How fast the simulator is depends on the machine; the ratio of the two rates does not.
        efficiency = await read_scaling_efficiency(prober)
        assert efficiency == {"1": 1.0, "2": pytest.approx(rate_of_two / rate_of_one / 2)}
        replicas.count = "2"
        again = json.loads((await run_scenario(prober, "scalability", "--json")).out)
        measured = {measure["name"]: measure for measure in again["measures"]}
        rate, expected = measured["end_to_end"]["value"], measured["efficiency"]["value"]
        assert expected == pytest.approx(rate / rate_of_one / 2)
        assert again["met"] == (expected >= 0.7)
        replicas.count = ""
        unknown = await run_scenario(prober, "scalability", "--json")
        assert json.loads(unknown.out)["reason"] == "replicas_unknown"


async def test_a_change_of_replicas_stops_scalability(tmp_path: Path, serving: Serve) -> None:
    async with run_with_replicas(tmp_path, serving) as (prober, replicas):
        await start_scenario(prober, "scalability", events=1)
        await wait_until(lambda: replicas.query_count == 1)
        replicas.count = "2"
        assert (await wait_for_result(prober, "scalability"))["reason"] == "replicas_changed"
        assert await read_scaling_efficiency(prober) == {}


PASSWORD = "planted-s3cret"  # noqa: S105 - of a test
SMALL = {**QUICK, "levels": [2], "promised": 2, "ramp_up": None}


async def test_a_load_needs_a_login_over_tls(tmp_path: Path) -> None:
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
    async with run_environment(tmp_path) as environment:
        environment.settings["web"] = {"listen": "127.0.0.1:0", "config_file": "web.yml"}
        configure_scenarios(environment, linear="none", stress=SMALL)
        async with environment.run_prober() as prober:
            at_url = ["scenario", "stress", "--at", await prober.wait_for_url("web")]
            trust = [*at_url, "--ca-file", str(authority)]
            login = ["--user", "nightly", "--password-file", str(tmp_path / "password")]
            stranger = await run_program(*trust)
            assert (stranger.code, stranger.err) == (2, "error: unauthorized\n")
            assert environment.agent.counters.received == 0
            doubtful = await run_program(*at_url, *login)
            assert (doubtful.code, "TLS failed" in doubtful.err) == (2, True)
            done = await run_program(*trust, *login)
            assert (done.code, "stress: met" in done.out) == (0, True), done
            assert PASSWORD not in done.out + done.err


async def test_a_response_of_another_server_is_an_error(serving: Serve) -> None:
    async def page(request: web.Request) -> web.Response:
        status = 202 if request.method == "POST" else 200
        return web.json_response({"hello": "there", "results": {}}, status=status)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", page)
    url = await serving(app)
    for command in (["scenario", "stress"], ["campaign"], ["campaign", "stress", "baseline"]):
        other = await run_program(*command, "--at", url)
        assert (other.code, other.err) == (2, "error: the response is not from slo-probe\n")


async def test_a_response_of_another_run_writes_no_file(tmp_path: Path, serving: Serve) -> None:
    started = ScenarioResult("0", "../stress", ScenarioState.STOPPED, 0.0, 1.0, unit="")

    async def page(_: web.Request) -> web.Response:
        return web.json_response(started.to_json(), status=202)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", page)
    arguments = ("--at", await serving(app), "--out", str(tmp_path / "out"))
    other = await run_program("scenario", "stress", *arguments)
    assert (other.code, other.err) == (2, "error: the prober started '../stress'\n")
    assert read_files(tmp_path / "out") == {}
