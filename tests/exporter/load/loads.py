"""The real program in its house, asked for loads that take a second or two."""

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.exporter.house import SELDOM, House, Prober
from tests.exporter.program import Ended, ended, start
from tests.exporter.program import until as until_true

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


def scenarios(at: House, **sections: object) -> None:
    """Allow these, with a stand-in for Linear and next to no probes."""
    at.settings["scenarios"] = {"linear": "stand-in", **sections}
    at.settings["probes"] = SELDOM


async def asked(prober: Prober, *arguments: str) -> Ended:
    """`slo-probe scenario`, to its end."""
    return await ended(await start("scenario", *arguments, "--at", await prober.url("web")))


async def state(prober: Prober) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await prober.get("/-/scenario"))[1])
    return found


async def send(prober: Prober, method: str, name: str = "") -> tuple[int, str]:
    """Ask for a scenario, or for its end."""
    url = f"{await prober.url('web')}/-/scenario{name and '/' + name}"
    async with aiohttp.ClientSession() as client, client.request(method, url) as reply:
        return reply.status, await reply.text()


async def begun(prober: Prober, name: str, *, events: int) -> None:
    """Ask for a scenario, and wait until so many events of it have been sent."""
    assert (await send(prober, "POST", name))[0] == 202

    async def sent() -> bool:
        running = (await state(prober))["running"]
        return running is not None and running["events"] >= events

    await until_true(sent)


async def over(prober: Prober, name: str) -> dict[str, Any]:
    """Wait until nothing runs any more; gives the newest result."""
    newest: dict[str, Any] = {}

    async def rests() -> bool:
        status, text = await prober.get("/-/scenario")
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


async def gauges(prober: Prober) -> Gauges:
    found = {}
    for family in text_string_to_metric_families((await prober.get("/metrics"))[1]):
        for sample in family.samples:
            labels = dict(sample.labels)
            scenario = labels.pop("scenario", None)
            if scenario:
                other = next(iter(labels.values()), "")
                found[sample.name.removeprefix(PREFIX), scenario, other] = sample.value
    return Gauges(found)


def by_probe(at: House) -> Counter[str]:
    """The runs that the journal remembers."""
    return Counter(probe for *_, probe in probes(at))


def probes(at: House) -> list[tuple[str, str, str, str]]:
    """Id, state, verdict and probe of every run."""
    connection = sqlite3.connect(at.journal)
    try:
        return connection.execute("SELECT id, state, verdict, probe FROM runs").fetchall()
    finally:
        connection.close()
