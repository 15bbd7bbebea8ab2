"""The script for k6: its executors and thresholds, and events that are those of the prober."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from exporter.app.k6_files import K6Options, write_k6_files
from exporter.config.loader import LoadedConfig, load_config
from exporter.k6.plan import K6PlanError
from exporter.model.alert import Alert, CanaryIdentity, build_fired_event, create_run_id, is_run_id
from exporter.model.engine_event import EngineEvent, build_engine_parameters, parse_engine_id
from tests.exporter.k6.k6_scripts import PROCESSED, run_script
from tests.exporter.slo_probe import ROOT

CANARY = CanaryIdentity("agent-sre-canary", "ai")
OPTIONS = K6Options(runners=4, multiply=20, compress=1.0, remote_write=None)
SHORT = {"rates": [10, 25], "hold": "2s", "steady": 0}


def load(tmp_path: Path, scenarios: dict[str, object], **target: object) -> LoadedConfig:
    config = tmp_path / "probe.yaml"
    config.write_text(
        json.dumps(
            {
                "target": {"url": "http://agent-sre.ai/", **target},
                "specs": [str(ROOT / "slos/agent-sre.yaml")],
                "probes": {"remediation": {}},
                "journal": {"path": "journal.sqlite"},
                "scenarios": {"linear": "none", **scenarios},
            }
        )
    )
    loaded, problems = load_config(config)
    assert loaded is not None, problems
    return loaded


def emit(tmp_path: Path, scenario: str = "throughput", **settings: object) -> str:
    """Return the script of a scenario."""
    loaded = load(tmp_path, {scenario: SHORT | settings if scenario == "throughput" else settings})
    write_k6_files(loaded, scenario, tmp_path / "k6", OPTIONS)
    return (tmp_path / "k6" / "script.js").read_text()


def test_events_of_the_script_are_those_of_the_prober(tmp_path: Path) -> None:
    """Byte for byte, for the same id, parameters and time."""
    rng = random.Random(1)
    events = [[1_700_000_000_000, 0, 0], [1_700_000_000_999, 255, 2**32 - 1]]
    events += [
        [rng.randrange(1, 4 * 10**12), rng.randrange(256), rng.randrange(2**32)] for _ in range(200)
    ]
    ran = run_script(emit(tmp_path), tmp_path, events=events)
    run = json.loads(ran["summary"]["stdout"])["plan"]["run"]
    for (sent_ms, step, number), built in zip(events, ran["events"], strict=True):
        run_id = built["id"]
        assert is_run_id(run_id)
        assert parse_engine_id(run_id) == EngineEvent(run, step, number, sent_ms)
        assert EngineEvent(run, step, number, sent_ms).id == run_id
        parameters = build_engine_parameters(run_id, CANARY)
        alert = Alert(run_id, "scenario_throughput", parameters, CANARY, sent_ms / 1000)
        assert built["body"].encode() == build_fired_event(alert)


def test_ids_of_the_prober_are_not_those_of_an_engine() -> None:
    assert not any(parse_engine_id(create_run_id()) for _ in range(1000))


def test_each_step_has_an_executor_of_its_rate_and_thresholds_of_the_specs(tmp_path: Path) -> None:
    options = run_script(emit(tmp_path), tmp_path)["options"]
    first, second = options["scenarios"].values()
    assert first == {
        "executor": "constant-arrival-rate",
        "rate": 200, "timeUnit": "1s", "duration": "2s", "startTime": "0s",
        "preAllocatedVUs": 1000, "gracefulStop": "70s", "tags": {"phase": "up"},
    }  # fmt: skip
    assert (second["rate"], second["startTime"]) == (500, "77s")
    assert options["thresholds"] == {
        "dropped_iterations": ["count==0"],
        **{
            f"{metric}{{scenario:step_{number}}}": [threshold]
            for number in range(2)
            for metric, threshold in (
                ("dropped_iterations", "count==0"),
                ("http_req_duration", "p(95)<5000"),
                ("checks", "rate>=0.99"),
            )
        },
    }
    assert options["noConnectionReuse"], "each event has its own connection, as in the prober"


def test_single_events_and_bursts_have_senders_that_wait_for_their_replies(tmp_path: Path) -> None:
    bursts = {"sizes": [10, 50], "rounds": 1}
    loaded = load(tmp_path, {"baseline": {"events": 3, "rest": "2s"}, "concurrent": bursts})
    once = K6Options(runners=4, multiply=1.0, compress=1.0, remote_write=None)
    remarks, ran = {}, {}
    for scenario in ("baseline", "concurrent"):
        remarks[scenario] = write_k6_files(loaded, scenario, tmp_path / scenario, once)
        script = (tmp_path / scenario / "script.js").read_text()
        ran[scenario] = run_script(script, tmp_path, iterations=1)
    shared = {"executor": "per-vu-iterations", "gracefulStop": "70s"}
    assert list(ran["baseline"]["options"]["scenarios"].values()) == [
        shared | {"vus": 1, "iterations": 3, "maxDuration": "216s", "startTime": "0s",
                  "tags": {"phase": "single"}}
    ]  # fmt: skip
    assert list(ran["concurrent"]["options"]["scenarios"].values()) == [
        shared | {"vus": size, "iterations": 1, "maxDuration": "70s", "startTime": start,
                  "tags": {"phase": "round 1"}}
        for size, start in ((10, "0s"), (50, "75s"))
    ]  # fmt: skip
    assert (ran["baseline"]["slept"], ran["concurrent"]["slept"]) == (2, 0)
    assert remarks["baseline"][0].endswith("3 events by 1 runners")
    assert remarks["concurrent"][0].endswith("60 events by 4 runners")


def test_rates_that_are_no_whole_number_a_second_are_sent_in_full(tmp_path: Path) -> None:
    stress = {"ramp_up": {"start": 10, "growth": "10%", "highest": 13}}
    loaded = load(tmp_path, {"stress": stress, "sustained": {}})
    once = K6Options(runners=1, multiply=1.0, compress=1.0, remote_write=None)
    rates: dict[str, list[tuple[int, str]]] = {}
    for scenario in ("stress", "sustained"):
        write_k6_files(loaded, scenario, tmp_path / scenario, once)
        script = (tmp_path / scenario / "script.js").read_text()
        options = run_script(script, tmp_path, iterations=0)["options"]["scenarios"].values()
        rates[scenario] = [(each["rate"], each["timeUnit"]) for each in options]
    assert rates["stress"] == [(10, "1s"), (11, "1s"), (726, "1m")]
    assert rates["sustained"] == [(1100, "1h"), (2200, "1h")] * 24


def test_only_a_reply_that_names_the_event_counts(tmp_path: Path) -> None:
    script = emit(tmp_path)

    def count(replies: str) -> tuple[int, int]:
        ran = run_script(script, tmp_path, replies=replies, iterations=3)
        checks = json.loads(ran["summary"]["stdout"])["metrics"]["checks{scenario:step_1}"]
        return checks["values"]["passes"], checks["values"]["fails"]

    assert count(PROCESSED) == (3, 0)
    assert count(PROCESSED.replace("@ID@", "slo-probe-other")) == (0, 3)
    assert count("It works!") == (0, 3)


def test_the_login_is_of_the_environment_and_not_in_the_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    login = {"bearer_auth": {"token_file": "token"}, "headers": {"X-Tenant": "ai"}}
    loaded = load(tmp_path, {"throughput": SHORT}, **login)
    remarks = write_k6_files(loaded, "throughput", tmp_path / "k6", OPTIONS)
    assert any("Secret slo-probe-k6" in remark for remark in remarks)
    texts = [file.read_text() for file in (tmp_path / "k6").iterdir()]
    assert not any("s3cret" in text for text in texts)
    env = {"TARGET_URL": "http://127.0.0.1:1/", "TARGET_AUTHORIZATION": "Bearer other"}
    script = (tmp_path / "k6" / "script.js").read_text()
    (request, *_) = run_script(script, tmp_path, env=env)["requests"]
    assert request["url"] == "http://127.0.0.1:1/"
    assert request["params"] == {
        "headers": {
            "Content-Type": "application/cloudevents+json",
            "X-Tenant": "ai",
            "Authorization": "Bearer other",
        },
        "redirects": 0,
        "timeout": "70s",
    }


@pytest.mark.parametrize(
    ("scenario", "scenarios", "text"),
    [
        ("stress", {"stress": {"ramp_up": None}}, "k6 cannot send stress: its load follows from"),
        ("stress", {"throughput": {}}, "the scenario stress is not configured"),
        ("throughput", {"throughput": {**SHORT, "hold": "500ms"}}, "steps below 1s"),
        (
            "throughput",
            {"throughput": SHORT, "linear": "real", "real_issues": 500},
            "1,400 events open issues in Linear, and scenarios.real_issues allows 500",
        ),
    ],
)
def test_a_load_that_k6_cannot_or_must_not_send_is_refused(
    tmp_path: Path, scenario: str, scenarios: dict[str, Any], text: str
) -> None:
    loaded = load(tmp_path, scenarios)
    with pytest.raises(K6PlanError, match=text):
        write_k6_files(loaded, scenario, tmp_path / "k6", OPTIONS)
    assert not (tmp_path / "k6").exists(), "nothing is written"
