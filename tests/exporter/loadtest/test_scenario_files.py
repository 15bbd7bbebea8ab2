"""Scenarios without a running prober: their result files, campaigns, and the end by Ctrl-C."""

import json
import signal
from pathlib import Path
from typing import Any

from exporter.devstack.stack import find_free_port
from exporter.loadtest.histograms import decode_quantiles
from exporter.loadtest.result_file import read_result_file
from tests.exporter.environment import ProberEnvironment, run_environment, wait_until
from tests.exporter.loadtest.scenario_process import (
    BUSY_MACHINE,
    QUICK,
    configure_scenarios,
    count_runs_by_probe,
)
from tests.exporter.slo_probe import ROOT, ProcessResult, run_program, start_program, wait_for_end

BASELINE = {**QUICK, "events": 8, "rest": "10ms"}
CONCURRENT = {**QUICK, "sizes": [2, 5], "rounds": 2, "steepest": 10}
SUSTAINED = {
    **QUICK, "duration": "4h", "block": "20m", "rates": [12, 24], "target": 10,
}  # fmt: skip


async def run_alone(
    environment: ProberEnvironment, *arguments: str, out: Path | None = None
) -> ProcessResult:
    """Run a command of scenarios in a process of its own."""
    config = environment.write_config()
    folder = out or environment.folder / "out"
    process = await start_program(*arguments, "--config", str(config), "--out", str(folder))
    return await wait_for_end(process, seconds=120)


def read_file(environment: ProberEnvironment, scenario: str) -> dict[str, Any]:
    return read_result_file(environment.folder / "out" / f"{scenario}.json")


def list_values(document: dict[str, Any]) -> dict[str, float | None]:
    return {measure["name"]: measure["value"] for measure in document["measures"]}


async def test_a_campaign_writes_a_file_for_each_scenario(environment: ProberEnvironment) -> None:
    sections = {"baseline": BASELINE, "concurrent": CONCURRENT, "sustained": SUSTAINED}
    configure_scenarios(environment, linear="stand-in", **sections)
    environment.settings["specs"] = [str(ROOT / "slos/agent-sre.yaml")]
    done = await run_alone(environment, "campaign", "--compress", "3600", "--baseline", "main")
    sustained = read_file(environment, "sustained")
    # The load of this machine may change during the seconds of the run.
    missed = {each["name"] for each in sustained["measures"] if not each["met"]}
    assert missed <= {"degradation_p50", "degradation_p95", "leaks"}, sustained["measures"]
    assert done.code == bool(missed), done
    campaign = json.loads((environment.folder / "out" / "campaign.json").read_text())
    assert [(run["scenario"], run["verdict"]) for run in campaign["scenarios"]] == [
        ("baseline", "met"),
        ("concurrent", "met"),
        ("sustained", "missed" if missed else "met"),
    ]

    baseline = read_file(environment, "baseline")
    assert list_values(baseline)["executed_once"] == 1.0
    assert "verification: no event showed it, so it is not measurable here" in baseline["notes"]
    assert "p95: 8 events are too few for an interval; it takes 72" in baseline["notes"]
    (step,) = baseline["steps"]
    assert step["issues"] == {"one": 8}
    assert len(step["samples"]["id"]) == len(set(step["samples"]["id"])) == 8
    times = sorted(high for _, high in step["samples"]["stages"]["end_to_end"])
    (median,) = decode_quantiles(step["histograms"]["end_to_end"]["high"], [0.5])
    assert abs(median - times[3]) < 0.002 * times[3] + 2e-6
    assert (environment.folder / "out" / "baselines" / "main-baseline.json").exists()

    concurrent = read_file(environment, "concurrent")
    assert [step["load"] for step in concurrent["steps"]] == [2, 5, 2, 5]
    assert [entry["events"] for entry in concurrent["details"]["curve"]] == [4, 10]
    assert {name: list_values(concurrent)[name] for name in ("cross_talk", "deadlocks")} == {
        "cross_talk": 0,
        "deadlocks": 0,
    }

    phases = [step["phase"] for step in sustained["steps"]]
    assert phases == ["even 12", "poisson 12", "even 24", "poisson 24"] * 3
    assert sustained["details"]["trend"]["p50"]["steps"] == 12
    assert {leak["signal"] for leak in sustained["details"]["leaks"]} == {
        "rss", "open_files", "threads",
    }  # fmt: skip
    columns = sustained["series"]["columns"]
    assert columns["judged"][-1] == sustained["events"]
    assert len({len(column) for column in columns.values()}) == 1
    runs = count_runs_by_probe(environment)
    assert runs["scenario_sustained"] == sustained["events"]


async def test_a_refused_scenario_does_not_keep_the_others_from_running(
    environment: ProberEnvironment,
) -> None:
    sections = {"baseline": BASELINE, "concurrent": CONCURRENT, "real_issues": 10}
    configure_scenarios(environment, **(sections | {"linear": "real"}))
    done = await run_alone(environment, "campaign", "concurrent", "baseline")
    assert done.code == 2, done
    assert "error: concurrent: it sends up to 15 events" in done.err
    campaign = json.loads((environment.folder / "out" / "campaign.json").read_text())
    refused, ran = campaign["scenarios"]
    assert (refused["scenario"], refused["verdict"]) == ("concurrent", None)
    assert refused["error"].startswith("it sends up to 15 events")
    assert (ran["scenario"], ran["verdict"], ran["error"]) == ("baseline", "met", None)
    assert (environment.folder / "out" / "report.html").exists()


async def test_ctrl_c_stops_the_load_and_writes_what_is_there(
    environment: ProberEnvironment,
) -> None:
    configure_scenarios(environment, linear="none", sustained=SUSTAINED, baseline=BASELINE)
    config, out = environment.write_config(), environment.folder / "out"
    process = await start_program(
        "campaign", "sustained", "baseline", "--config", str(config), "--out", str(out),
        "--compress", "600",
    )  # fmt: skip
    await wait_until(lambda: environment.agent.counters.calls > 5)
    process.send_signal(signal.SIGINT)
    done = await wait_for_end(process)
    assert done.code == 2, done
    sustained = read_file(environment, "sustained")
    assert (sustained["verdict"], sustained["reason"]) == ("partial", "operator")
    assert not (out / "baseline.json").exists()
    campaign = json.loads((out / "campaign.json").read_text())
    assert [run["verdict"] for run in campaign["scenarios"]] == ["partial", None]
    assert not environment.count_states().keys() & {"planned", "sent"}


async def test_a_run_that_was_killed_goes_on_with_its_steps(environment: ProberEnvironment) -> None:
    configure_scenarios(environment, linear="none", sustained=SUSTAINED)
    config, out = environment.write_config(), environment.folder / "out"
    command = ("scenario", "sustained", "--config", str(config), "--out", str(out))
    fast = ("--compress", "1200")
    refused = await run_program(*command, *fast, "--resume")
    assert refused.code == 2
    assert "there is no interrupted run to resume" in refused.err
    process = await start_program(*command, *fast)
    checkpoint = environment.folder / "journal.sqlite.scenarios-sustained"
    await wait_until(lambda: checkpoint.exists() and checkpoint.read_text().count("\n") > 3)
    process.kill()
    await process.communicate()
    lines = [json.loads(line) for line in checkpoint.read_text().splitlines()]
    other = await run_program(*command, "--compress", "600", "--resume")
    assert "the settings differ from those of the interrupted run" in other.err
    done = await wait_for_end(await start_program(*command, *fast, "--resume"), seconds=120)
    assert done.code in (0, 1), done
    document = read_file(environment, "sustained")
    assert document["id"] == lines[0]["id"]
    assert [step["phase"] for step in document["steps"]] == [
        "even 12", "poisson 12", "even 24", "poisson 24",
    ] * 3  # fmt: skip
    ids = [step["samples"]["id"] for step in document["steps"]]
    assert ids[0] == lines[1]["ids"]
    assert ids[2] == lines[3]["ids"]
    sent = [run_id for each in ids for run_id in each]
    assert len(sent) == len(set(sent))
    assert any(note.startswith("resumed after an interruption") for note in document["notes"])
    assert not checkpoint.exists(), "the run is complete"


async def test_a_running_prober_hands_over_the_same_file(environment: ProberEnvironment) -> None:
    configure_scenarios(environment, linear="none", concurrent=CONCURRENT)
    async with environment.run_prober() as prober:
        url = await prober.wait_for_url("web")
        out = environment.folder / "out"
        done = await run_program("scenario", "concurrent", "--at", url, "--out", str(out))
        assert done.code == 0, done
        document = read_file(environment, "concurrent")
        assert document["command"].startswith("slo-probe scenario concurrent --at")
        assert document["environment"]["linear"] == "none"
        assert "Scenario 3: concurrent" in (out / "report.md").read_text()
        status, page = await prober.get_page(f"/-/scenario/report/{document['id']}")
        assert status == 200
        assert '<section id="scenario-concurrent">' in page
        for kind in ("result", "report"):
            status, _ = await prober.get_page(f"/-/scenario/{kind}/another")
            assert status == 404


async def test_a_prober_at_its_bound_is_no_measurement(environment: ProberEnvironment) -> None:
    bound = {**BUSY_MACHINE, "in_flight": 3}
    configure_scenarios(environment, linear="none", validity=bound, concurrent=CONCURRENT)
    done = await run_alone(environment, "scenario", "concurrent")
    assert done.code == 2, done
    assert "concurrent: INVALID: the limit of 3 events in flight was reached" in done.out
    document = read_file(environment, "concurrent")
    assert (document["reason"], document["verdict"]) == ("in_flight", "invalid")
    assert [reason["name"] for reason in document["invalid"]] == ["in_flight"]


SLOW = {"capacity": 20, "burst_seconds": 0, "health_timeout": 0.6}


async def test_a_rising_rate_breaks_by_silent_loss_and_recovers(tmp_path: Path) -> None:
    ramp_up = {"start": 5, "growth": "100%", "hold": "1500ms", "highest": 160}
    stress = {**QUICK, "levels": [2, 4], "promised": 3, "ramp_up": ramp_up}
    async with run_environment(tmp_path, agent=SLOW) as environment:
        configure_scenarios(environment, linear="none", stress=stress)
        done = await run_alone(environment, "scenario", "stress")
        assert done.code in (0, 1), done
        found = read_file(environment, "stress")["details"]["breaking_point"]
        assert found["kind"].startswith("silent loss")
        assert found["held"] is not None
        assert 2 * found["held"] == found["broken"]
        assert found["hysteresis"]["rate"] <= 0.8 * found["broken"]


async def test_simulated_replicas_are_scaled_balanced_and_killed(
    environment: ProberEnvironment,
) -> None:
    scale = {"by": "simulator", "replicas": [1, 2], "rate_per_replica": 6, "hold": "1500ms"}
    configure_scenarios(environment, linear="none", scalability={**QUICK, "scale": scale})
    port = find_free_port()
    environment.settings["target"] = {"url": f"http://127.0.0.1:{port}/"}
    done = await run_alone(environment, "scenario", "scalability", "--simulate", "--capacity", "0")
    assert done.code in (0, 1), done
    document = read_file(environment, "scalability")
    first, second = document["details"]["scaling"]
    assert (first["replicas"], second["replicas"]) == (1, 2)
    assert second["jain_index"] > 0.99
    assert sum(second["work"].values()) == 18
    assert document["details"]["kill"]["executed_once"] > 0.5
    assert len({process["replica"] for process in document["processes"]}) >= 3
    assert document["replicas"]["ready"][0] == 1


async def test_options_that_do_not_fit_are_refused() -> None:
    neither = await run_program("scenario", "stress")
    assert (neither.code, "give either --at or --config" in neither.err) == (2, True)
    both = await run_program("scenario", "stress", "--at", "http://x", "--config", "x")
    assert both.code == 2
