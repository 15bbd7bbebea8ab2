"""A Prometheus that knows a few series, by the metric that a query names."""

from dataclasses import dataclass, field

from aiohttp import web

from exporter.leaks.series import Floats


@dataclass
class FakePrometheus:
    """Answers range queries as the real one does, of whatever range."""

    series: dict[tuple[str, str], tuple[Floats, Floats]] = field(default_factory=dict)
    """Times and values, by metric and pod."""
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/v1/query_range", self._range)
        return app

    async def _range(self, request: web.Request) -> web.Response:
        if self.down:
            return web.Response(status=500)
        form = await request.post()
        query, start, end = str(form["query"]), float(str(form["start"])), float(str(form["end"]))
        self.asked.append(query)
        found = [
            {
                "metric": {"pod": pod},
                "values": [
                    [time, repr(value)]
                    for time, value in zip(times.tolist(), values.tolist(), strict=True)
                    if start <= time <= end
                ],
            }
            for (metric, pod), (times, values) in self.series.items()
            if f"{metric}{{" in query
        ]
        data = {"resultType": "matrix", "result": [one for one in found if one["values"]]}
        return web.json_response({"status": "success", "data": data})
