"""The running prober sends a load when it is asked to, beside its probes and apart from them."""

import json
from pathlib import Path

from tests.exporter.house import SELDOM, house, until
from tests.exporter.load.loads import (
    ENDLESS,
    STEPS,
    asked,
    begun,
    by_probe,
    gauges,
    over,
    scenarios,
    send,
    state,
)

STAGES = {
    "cloudevent_processing",
    "linear_issue_creation",
    "remediation_selection",
    "lambda_execution",
}


async def test_a_throughput_run_counts_for_no_probe(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        scenarios(at, throughput=STEPS)
        async with at.prober() as prober:
            await prober.url("web")
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

            counted = await prober.counts("probe_runs_total", "probe")
            assert set(counted) == {"remediation"}
            executed = (await prober.counts("canary_requests_total", "outcome"))["executed"]
            assert executed <= by_probe(at)["remediation"]
            runs = json.loads((await prober.get("/runs"))[1])
            assert {run["probe"] for run in runs} == {"remediation"}
            assert by_probe(at)["scenario_throughput"] == 41
            _, text = await prober.get("/metrics")
            assert 'probe="scenario' not in text
            await until(lambda: at.states()["cleaned"] >= 41)
            before = shown
        async with at.prober(at.write(probes=SELDOM)) as again:
            await again.url("web")
            name = "throughput_events_per_second"
            assert (await gauges(again)).of(name, "throughput") == before.of(name, "throughput")
            completed = "scenario_completed_timestamp_seconds"
            assert (await gauges(again)).of(completed, "throughput") == before.of(
                completed, "throughput"
            )
            await until(lambda: not at.left())


async def test_who_asks_wrongly_hears_why(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        scenarios(at, throughput=ENDLESS)
        at.settings["probes"] = SELDOM
        async with at.prober() as prober:
            assert (await send(prober, "POST", "marathon")) == (
                404,
                "there is no scenario 'marathon'; there are scalability, stress, throughput\n",
            )
            status, text = await send(prober, "POST", "stress")
            assert status == 404
            assert "not configured" in text
            assert (await send(prober, "DELETE"))[0] == 404
            await begun(prober, "throughput", events=3)
            assert (await send(prober, "POST", "throughput"))[0] == 409
            busy = await asked(prober, "throughput")
            assert (busy.code, "one at a time" in busy.err) == (2, True)
            assert (await gauges(prober)).of("scenario_running", "throughput") == {"": 1.0}
            assert (await send(prober, "DELETE"))[0] == 202
            result = await over(prober, "throughput")
            assert (result["state"], result["reason"]) == ("stopped", "operator")
            shown = await gauges(prober)
            assert shown.of("scenario_running", "throughput") == {"": 0.0}
            assert shown.of("scenario_completed_timestamp_seconds", "throughput") == {}
            assert (await state(prober))["configured"] == ["throughput"]


async def test_too_many_real_issues_are_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        scenarios(at, linear="real", real_issues=40, throughput=STEPS)
        at.settings["probes"] = SELDOM
        async with at.prober() as prober:
            status, text = await send(prober, "POST", "throughput")
            assert status == 403
            assert "41 events" in text
            refused = await asked(prober, "throughput")
            assert (refused.code, refused.out) == (2, "")
            assert at.agent.executed.received == 0


async def test_a_load_is_not_sent_when_its_issues_open_elsewhere(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        scenarios(at, throughput=ENDLESS)
        at.settings["probes"] = SELDOM
        at.linear.faults.set("lag:60")  # what is opened does not show, as if it were elsewhere
        async with at.prober() as prober:
            done = await asked(prober, "throughput", "--json")
            assert done.code == 2
            result = json.loads(done.out)
            assert (result["reason"], result["events"]) == ("issues_elsewhere", 1)


async def test_a_standby_refuses(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        scenarios(at, throughput=ENDLESS)
        at.settings["probes"] = SELDOM
        async with at.prober() as first:
            await first.url("canary")
            second = at.write("second.yaml", canary={"listen": "127.0.0.1:0"})
            async with at.prober(second) as other:
                assert (await send(other, "POST", "throughput"))[0] == 503
                assert (await other.get("/-/scenario"))[0] == 503
                assert (await asked(other, "throughput")).code == 2
