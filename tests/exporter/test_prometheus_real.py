"""Prometheus client with a real Prometheus."""

import math
from collections.abc import Iterator

import pytest

from exporter import prometheus
from exporter.httpclient.errors import RequestError
from exporter.model.error_kind import ErrorKind
from exporter.prometheus import PrometheusClient
from exporter.schedule.clock import SystemClock
from tests.exporter.scripted_server import build_settings, open_client
from tests.exporter.slo_probe import run_prometheus


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_prometheus(tmp_path_factory.mktemp("prometheus"), "itself") as address:
        yield address


async def test_samples_have_labels_times_and_values(url: str) -> None:
    async with open_client(build_settings(url)) as source:
        (up,) = await PrometheusClient(source).query('up{job="itself"}')
    assert (up.labels["__name__"], up.labels["job"], up.value) == ("up", "itself", 1.0)
    assert abs(up.time - SystemClock().wall()) < 60


async def test_numbers_that_are_none_and_the_infinite_come_through(url: str) -> None:
    async with open_client(build_settings(url)) as source:
        api = PrometheusClient(source)
        values = [(await api.query(query))[0].value for query in ("0/0", "1/0", "-1/0")]
        (third,) = await api.query("vector(time())", time=1_700_000_000.25)
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]
    assert third.time == third.value == 1_700_000_000.25


async def test_a_range_beyond_the_limit_has_every_point_once(url: str) -> None:
    points = 2 * prometheus.MAX_POINTS + 5
    start, step = 1_700_000_000.0, 0.25
    async with open_client(build_settings(url)) as source:
        (found,) = await PrometheusClient(source).query_range(
            "vector(time())", start=start, end=start + (points - 1) * step, step=step
        )
    assert found.times == tuple(start + step * point for point in range(points))
    assert found.values == found.times


async def test_the_limit_is_of_prometheus(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "MAX_POINTS", 12_000)
    async with open_client(build_settings(url)) as source:
        with pytest.raises(RequestError, match="exceeded maximum resolution") as caught:
            await PrometheusClient(source).query_range("vector(1)", start=0, end=11_500, step=1)
    assert caught.value.kind is ErrorKind.BAD_RESPONSE


async def test_a_series_that_began_late_has_no_points_before(url: str) -> None:
    now = SystemClock().wall()
    async with open_client(build_settings(url)) as source:
        (up,) = await PrometheusClient(source).query_range(
            "up", start=now - 3600, end=now + 1, step=1
        )
    assert set(up.values) == {1.0}
    assert up.times[0] > now - 3000


@pytest.mark.parametrize("query", ["up{", ""])
async def test_a_wrong_query_is_a_bad_answer(url: str, query: str) -> None:
    async with open_client(build_settings(url)) as source:
        with pytest.raises(RequestError, match="bad_data: ") as caught:
            await PrometheusClient(source).query(query)
    assert caught.value.kind is ErrorKind.BAD_RESPONSE


async def test_a_query_that_cannot_be_executed_is_a_bad_answer(url: str) -> None:
    query = 'label_replace(up, "new", "$1", "job", "(")'
    async with open_client(build_settings(url)) as source:
        with pytest.raises(RequestError, match="execution: ") as caught:
            await PrometheusClient(source).query(query)
    assert caught.value.kind is ErrorKind.BAD_RESPONSE


async def test_a_range_vector_gives_no_samples(url: str) -> None:
    async with open_client(build_settings(url)) as source:
        with pytest.raises(RequestError, match="ranges or text"):
            await PrometheusClient(source).query("up[1m]")
