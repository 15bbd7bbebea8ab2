"""CronJobs of load scenarios: schedules, deadlines, and no two at once."""

import copy
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from exporter.config.loader import load_config
from exporter.config.model import Config
from exporter.config.scenarios import explain_refusal, list_configured
from exporter.httpclient.settings import HttpClientSettings
from slos.schema.contract import Scenario
from tests.k8s.loopback_config import write_loopback_config
from tests.k8s.manifests import Json, Manifests, build_overlay, build_with_component, read_sections

ISSUES_ARE_KNOWN = 280
"""Seconds after which nothing more is expected of Linear, as the prober asks it by default."""
_WEEK = 7 * 24 * 60
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def _list_due_minutes(schedule: str) -> list[int]:
    """The minutes of a week, from Monday on, at which a plain cron expression is due."""
    minute, hour, day, month, weekday = schedule.split()
    assert (day, month) == ("*", "*")

    def due(at: datetime) -> bool:
        # Cron counts the days of a week from Sunday on.
        today = weekday in ("*", str(at.isoweekday() % 7))
        return today and (str(at.hour), str(at.minute)) == (hour, minute)

    return [each for each in range(_WEEK) if due(_MONDAY + timedelta(minutes=each))]


def _list_jobs(overlay: Manifests) -> dict[str, Json]:
    return {each["metadata"]["name"]: each["spec"] for each in overlay.list_objects("CronJob")}


def test_scenarios_run_every_night_or_week(overlay: Manifests) -> None:
    times = {
        job: len(_list_due_minutes(spec["schedule"])) for job, spec in _list_jobs(overlay).items()
    }
    assert times == {"slo-probe-throughput": 7, "slo-probe-stress": 1, "slo-probe-scalability": 1}


def test_a_scenario_has_ended_before_another_may_begin(overlay: Manifests) -> None:
    spans = []
    for spec in _list_jobs(overlay).values():
        longest = spec["startingDeadlineSeconds"]
        longest += spec["jobTemplate"]["spec"]["activeDeadlineSeconds"]
        spans += [(at, at + longest / 60) for at in _list_due_minutes(spec["schedule"])]
    spans.sort()
    assert all(ends <= starts for (_, ends), (starts, _) in itertools.pairwise(spans))
    assert spans[-1][1] <= spans[0][0] + _WEEK


def test_a_job_asks_the_prober_by_its_service_for_a_scenario_there_is(overlay: Manifests) -> None:
    service = overlay.get_object("Service")
    for job, pod in overlay.list_pods():
        if job == "slo-probe":
            continue
        (container,) = pod["spec"]["containers"]
        command, scenario, *options, url = container["args"]
        assert (command, options) == ("scenario", ["--any-result", "--at"])
        assert scenario in set(Scenario)
        assert job == f"slo-probe-{scenario}"
        parts = urlsplit(url)
        meta = service["metadata"]
        assert parts.hostname == f"{meta['name']}.{meta['namespace']}.svc.cluster.local"
        (port,) = [each for each in service["spec"]["ports"] if each["port"] == parts.port]
        assert port["targetPort"] == "web"


def test_no_job_is_repeated_left_running_or_kept_for_ever(overlay: Manifests) -> None:
    for spec in _list_jobs(overlay).values():
        job = spec["jobTemplate"]["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        assert job["backoffLimit"] == 0
        assert job["template"]["spec"]["restartPolicy"] == "Never"
        assert spec["timeZone"] == "Etc/UTC"
        assert 0 < spec["successfulJobsHistoryLimit"] <= 5
        assert 0 < spec["failedJobsHistoryLimit"] <= 5


def _list_active(overlay: Manifests) -> set[str]:
    """The scenarios that are run by themselves."""
    return {
        each["metadata"]["name"].removeprefix("slo-probe-")
        for each in overlay.list_objects("CronJob")
        if not each["spec"].get("suspend", False)
    }


def test_a_small_cluster_is_loaded_with_few_events() -> None:
    assert max(build_overlay("dev").config["scenarios"]["stress"]["levels"]) <= 20


def test_no_job_is_due_whose_scenario_the_prober_would_refuse(overlay: Manifests) -> None:
    section = Config.model_validate(overlay.config).scenarios
    allowed = {
        scenario
        for scenario, each in list_configured(section).items()
        if not explain_refusal(section, each)
    }
    assert allowed, "something can be asked for by hand"
    assert _list_active(overlay) <= allowed
    assert _list_active(overlay) == {"stress"}, "throughput is more than Linear itself takes"


@pytest.mark.parametrize("name", ["pro", "studio"])
def test_a_stand_in_wakes_every_scenario(name: str, tmp_path: Path) -> None:
    overlay = build_with_component("linear-stand-in", tmp_path, overlay_name=name)
    assert _list_active(overlay) == {"throughput", "stress"}
    section = Config.model_validate(overlay.config | read_sections()).scenarios
    # The others take hours, or are compared by an operator: no Job starts them.
    started = {Scenario.THROUGHPUT, Scenario.STRESS, Scenario.SCALABILITY}
    assert set(list_configured(section)) == started
    assert [explain_refusal(section, each) for each in list_configured(section).values()] == [
        None
    ] * 3


@pytest.mark.parametrize("name", ["pro", "studio"])
def test_the_sections_of_the_stand_in_fit_into_an_overlay(name: str, tmp_path: Path) -> None:
    overlay = build_overlay(name)
    there = copy.deepcopy(overlay.get_object("ConfigMap", "slo-probe-config"))
    (file,) = there["data"]
    there["data"][file] = yaml.safe_dump(overlay.config | read_sections())
    loaded, problems = load_config(
        write_loopback_config(
            Manifests(name, [there, overlay.get_object("Deployment")]), tmp_path
        ).file
    )
    assert loaded
    assert problems == []


def test_a_load_has_ended_by_the_deadline_of_its_job_however_slow_it_is(overlay: Manifests) -> None:
    settings = list_configured(
        Config.model_validate(build_overlay("pro").config | read_sections()).scenarios
    )
    for job, spec in _list_jobs(overlay).items():
        load: Any = settings[Scenario(job.removeprefix("slo-probe-"))]
        verdict = float((load.timeout + load.settle).seconds)
        steps = getattr(load, "rates", None) or load.levels
        hold = float(load.hold.seconds) if hasattr(load, "hold") else 0.0
        recovery = float(load.recover_within.seconds) if hasattr(load, "recover_within") else 0.0
        longest = 2 * ISSUES_ARE_KNOWN + verdict + recovery
        longest += len(steps) * (hold + verdict + float(load.rest.seconds))
        assert longest < spec["jobTemplate"]["spec"]["activeDeadlineSeconds"], job


def test_a_job_that_is_ended_has_time_to_stop_the_load(overlay: Manifests) -> None:
    one_request = HttpClientSettings(url="http://prober").timeout.seconds
    for job, pod in overlay.list_pods():
        if job != "slo-probe":
            assert pod["spec"]["terminationGracePeriodSeconds"] > 2 * one_request
