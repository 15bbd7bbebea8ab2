"""The Jobs that ask for loads: when, how long, of whom, and never two at once."""

import itertools
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from tests.k8s.manifests import OVERLAYS, Json, overlay

EVERY_OVERLAY = pytest.mark.parametrize("name", OVERLAYS)
SCENARIOS = {"throughput", "stress", "scalability"}
_WEEK = 7 * 24 * 60
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def _minutes(schedule: str) -> list[int]:
    """The minutes of a week, from Monday on, at which a plain cron expression is due."""
    minute, hour, day, month, weekday = schedule.split()
    assert (day, month) == ("*", "*")

    def due(at: datetime) -> bool:
        # Cron counts the days of a week from Sunday on.
        today = weekday in ("*", str(at.isoweekday() % 7))
        return today and (str(at.hour), str(at.minute)) == (hour, minute)

    return [each for each in range(_WEEK) if due(_MONDAY + timedelta(minutes=each))]


def _jobs(name: str) -> dict[str, Json]:
    return {each["metadata"]["name"]: each["spec"] for each in overlay(name).all("CronJob")}


@EVERY_OVERLAY
def test_throughput_is_measured_every_night_and_stress_and_scalability_every_week(
    name: str,
) -> None:
    times = {job: len(_minutes(spec["schedule"])) for job, spec in _jobs(name).items()}
    assert times == {
        "slo-probe-throughput": 7,
        "slo-probe-stress": 1,
        "slo-probe-scalability": 1,
    }


@EVERY_OVERLAY
def test_a_scenario_has_ended_before_another_may_begin(name: str) -> None:
    spans = []
    for spec in _jobs(name).values():
        longest = spec["startingDeadlineSeconds"]
        longest += spec["jobTemplate"]["spec"]["activeDeadlineSeconds"]
        spans += [(at, at + longest / 60) for at in _minutes(spec["schedule"])]
    spans.sort()
    assert all(ends <= starts for (_, ends), (starts, _) in itertools.pairwise(spans))
    assert spans[-1][1] <= spans[0][0] + _WEEK


@EVERY_OVERLAY
def test_a_job_asks_the_prober_by_its_service_for_a_scenario_there_is(name: str) -> None:
    built = overlay(name)
    service = built.one("Service")
    for job, pod in built.pods():
        if job == "slo-probe":
            continue
        (container,) = pod["spec"]["containers"]
        command, scenario, option, url = container["args"]
        assert (command, option) == ("scenario", "--at")
        assert scenario in SCENARIOS
        assert job == f"slo-probe-{scenario}"
        parts = urlsplit(url)
        meta = service["metadata"]
        assert parts.hostname == f"{meta['name']}.{meta['namespace']}.svc.cluster.local"
        (port,) = [each for each in service["spec"]["ports"] if each["port"] == parts.port]
        assert port["targetPort"] == "web"


@EVERY_OVERLAY
def test_no_job_is_repeated_left_running_or_kept_for_ever(name: str) -> None:
    for spec in _jobs(name).values():
        job = spec["jobTemplate"]["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        assert job["backoffLimit"] == 0
        assert job["template"]["spec"]["restartPolicy"] == "Never"
        assert spec["timeZone"] == "Etc/UTC"
        assert 0 < spec["successfulJobsHistoryLimit"] <= 5
        assert 0 < spec["failedJobsHistoryLimit"] <= 5


def test_a_small_cluster_is_loaded_only_when_somebody_asks_for_it() -> None:
    assert {spec.get("suspend") for spec in _jobs("dev").values()} == {True}
    assert {spec.get("suspend") for spec in _jobs("studio").values()} == {None}
