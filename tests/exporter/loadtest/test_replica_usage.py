"""Resources of the replicas in a result file, from Prometheus."""

from aiohttp import web

from exporter.httpclient.client import HttpClient
from exporter.loadtest.replica_usage import read_replica_usage
from exporter.prometheus import PrometheusClient
from exporter.schedule.clock import SystemClock
from tests.exporter.conftest import Serve
from tests.exporter.scripted_server import NO_FOLDER, build_settings


async def test_each_replica_has_one_axis_of_time(serving: Serve) -> None:
    series = {
        "cpu": [("a", [[1000, "0.5"], [1005, "0.7"]]), ("b", [[1005, "0.1"]])],
        "rss": [("a", [[1005, "2e8"]])],
    }

    async def answer(request: web.Request) -> web.Response:
        query = (await request.post() or request.query)["query"]
        result = [{"metric": {"pod": pod}, "values": values} for pod, values in series[str(query)]]
        data = {"resultType": "matrix", "result": result}
        return web.json_response({"status": "success", "data": data})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    settings = build_settings(await serving(app))
    async with HttpClient("prometheus", settings, folder=NO_FOLDER, clock=SystemClock()) as client:
        found = await read_replica_usage(
            PrometheusClient(client), {"cpu": "cpu", "rss": "rss"}, start=1000, end=1010
        )
    assert [each["replica"] for each in found] == ["a", "b"]
    assert found[0]["columns"] == {
        "t": [0, 5],
        "cpu": [0.5, 0.7],
        "rss": [None, 2e8],
        "open_files": [None, None],
        "threads": [None, None],
    }
    assert found[1]["columns"]["t"] == [5]
