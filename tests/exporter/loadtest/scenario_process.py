"""Settings of load scenarios, and functions that start them and read their results."""

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.exporter.environment import (
    RARE_REMEDIATION,
    ProberEnvironment,
    ProberProcess,
)
from tests.exporter.slo_probe import ProcessResult, start_program, wait_for_end
from tests.exporter.slo_probe import wait_until as wait_until_async

PREFIX = "agent_sre_validation_"
QUICK = {"timeout": "5s", "late_after": "4s", "max_send_lag": "4s"}
QUICK |= {"settle": "50ms", "rest": "50ms"}
BUSY_MACHINE = {"send_lag": "4s", "missed": "100%", "prober_cpu": 64}
"""Limits of validity that a busy machine does not reach."""
ENDLESS = {**QUICK, "rates": [5], "hold": "60s", "steady": 0, "targets": {"lambda_execution": 1}}
STEPS = {
    **QUICK,
    "rates": [10, 30],
    "steady": 0,
    "hold": "1s",
    "targets": {"cloudevent_processing": 5, "linear_issue_creation": 5, "lambda_execution": 5},
}


def configure_scenarios(environment: ProberEnvironment, **sections: object) -> None:
    """Allow these scenarios, with a simulated Linear and hardly any probe runs."""
    environment.settings["scenarios"] = {
        "linear": "stand-in",
        "validity": BUSY_MACHINE,
        **sections,
    }
    environment.settings["probes"] = RARE_REMEDIATION


async def run_scenario(prober: ProberProcess, *arguments: str) -> ProcessResult:
    """Run `slo-probe scenario` and wait for its end."""
    return await wait_for_end(
        await start_program("scenario", *arguments, "--at", await prober.wait_for_url("web"))
    )


async def read_state(prober: ProberProcess) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await prober.get_page("/-/scenario"))[1])
    return found


async def send_request(prober: ProberProcess, method: str, name: str = "") -> tuple[int, str]:
    """Request the start of a scenario (POST) or its stop (DELETE)."""
    url = f"{await prober.wait_for_url('web')}/-/scenario{name and '/' + name}"
    async with aiohttp.ClientSession() as client, client.request(method, url) as reply:
        return reply.status, await reply.text()


async def start_scenario(prober: ProberProcess, name: str, *, events: int) -> None:
    """Start a scenario, and wait until a number of its events has been sent."""
    assert (await send_request(prober, "POST", name))[0] == 202

    async def are_events_sent() -> bool:
        running = (await read_state(prober))["running"]
        return running is not None and running["events"] >= events

    await wait_until_async(are_events_sent)


async def wait_for_result(prober: ProberProcess, name: str) -> dict[str, Any]:
    """Wait until no scenario runs any more; return the newest result."""
    newest: dict[str, Any] = {}

    async def has_ended() -> bool:
        status, text = await prober.get_page("/-/scenario")
        if status != HTTPStatus.OK:  # after a lost lease the prober is a standby for a moment
            return False
        told = json.loads(text)
        newest.update(next(iter(told["results"].get(name, ())), {}))
        return told["running"] is None and bool(newest)

    await wait_until_async(has_ended)
    return newest


@dataclass(frozen=True)
class ScenarioMetrics:
    """Samples of a scrape that have the label `scenario`."""

    samples: dict[tuple[str, str, str], float]

    def select(self, name: str, scenario: str) -> dict[str, float]:
        """Select samples, by the value of their other label ("" without one)."""
        return {key[2]: value for key, value in self.samples.items() if key[:2] == (name, scenario)}


async def read_scenario_metrics(prober: ProberProcess) -> ScenarioMetrics:
    found = {}
    for family in text_string_to_metric_families((await prober.get_page("/metrics"))[1]):
        for sample in family.samples:
            labels = dict(sample.labels)
            scenario = labels.pop("scenario", None)
            if scenario:
                other = next(iter(labels.values()), "")
                found[sample.name.removeprefix(PREFIX), scenario, other] = sample.value
    return ScenarioMetrics(found)


def count_runs_by_probe(environment: ProberEnvironment) -> Counter[str]:
    """Count the runs of the journal."""
    return Counter(probe for *_, probe in read_runs(environment))


def read_runs(environment: ProberEnvironment) -> list[tuple[str, str, str, str]]:
    """Read id, state, verdict and probe of every run of the journal."""
    connection = sqlite3.connect(environment.journal)
    try:
        return connection.execute("SELECT id, state, verdict, probe FROM runs").fetchall()
    finally:
        connection.close()
