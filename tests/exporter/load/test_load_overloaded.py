"""What a load finds of a target that it is too much for, or of which there are several."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from tests.exporter.conftest import Serve
from tests.exporter.house import SELDOM, Prober, house, until
from tests.exporter.load.loads import ENDLESS, QUICK, asked, begun, gauges, over, scenarios

SLOW = {"capacity": 20, "burst_seconds": 0, "health_timeout": 0.6}
STRESS = {**QUICK, "levels": [2, 4, 40], "promised": 3, "recover_within": "2s"}
SCALING = {**QUICK, "rates": [5, 40], "hold": "1s"}


async def test_stress_finds_the_level_that_breaks_it_and_sees_it_recover(tmp_path: Path) -> None:
    async with house(tmp_path, agent=SLOW) as at:
        scenarios(at, linear="none", stress=STRESS)
        at.settings["probes"] = SELDOM
        async with at.prober() as prober:
            await prober.url("web")
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
    async with house(tmp_path, agent=SLOW) as at:
        scenarios(at, linear="none", stress={**STRESS, "promised": 20})
        at.settings["probes"] = SELDOM
        async with at.prober() as prober:
            await prober.url("web")
            done = await asked(prober, "stress", "--json")
            assert done.code == 1, done
            result = json.loads(done.out)
            assert (result["state"], result["met"]) == ("completed", False)


async def test_events_that_are_executed_twice_are_no_throughput(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        rest = {"rates": [10], "hold": "2s", "targets": {"lambda_execution": 1}}
        scenarios(at, throughput={**ENDLESS, **rest})
        at.settings["probes"] = SELDOM
        async with at.prober() as prober:
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
async def scaled(tmp_path: Path, serving: Serve) -> AsyncIterator[tuple[Prober, Replicas]]:
    """A prober that may send the load, and asks how many replicas there are."""
    replicas = Replicas()
    async with house(tmp_path, agent=SLOW) as at:
        at.settings["prometheus"] = {"url": await serving(replicas.app())}
        at.settings["probes"] = SELDOM
        scenarios(at, linear="none", scalability=SCALING)
        async with at.prober() as prober:
            yield prober, replicas


async def efficiency(prober: Prober) -> dict[str, float]:
    return (await gauges(prober)).of("scaling_efficiency_ratio", "scalability")


async def test_scalability_compares_replicas(tmp_path: Path, serving: Serve) -> None:
    async with scaled(tmp_path, serving) as (prober, replicas):
        await prober.url("web")
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
        await until(lambda: replicas.asked == 1)
        replicas.count = "2"
        assert (await over(prober, "scalability"))["reason"] == "replicas_changed"
        assert await efficiency(prober) == {}
