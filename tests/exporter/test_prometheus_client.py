"""Prometheus client with a fake server: queries, results and errors."""

import itertools
import json
import logging
import math
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from exporter import prometheus
from exporter.httpclient.errors import RequestError
from exporter.model.error_kind import ErrorKind
from exporter.prometheus import (
    HISTOGRAM_WARNING,
    PrometheusClient,
    Sample,
    SampleStream,
    join_series,
)
from tests.exporter.conftest import Serve
from tests.exporter.scripted_server import (
    ScriptedReply,
    ScriptedServer,
    build_settings,
    open_client,
    serve_tls,
)

NOW = 1_700_000_000.5


def build_success(kind: str, entries: object, **rest: object) -> ScriptedReply:
    data = {"resultType": kind, "result": entries}
    return ScriptedReply(body=json.dumps({"status": "success", "data": data, **rest}).encode())


def build_error(status: int, kind: object, text: object = "no") -> ScriptedReply:
    body = {"status": "error", "errorType": kind, "error": text}
    return ScriptedReply(status, json.dumps(body).encode())


async def query_instant(serving: Serve, play: ScriptedReply, **rest: Any) -> list[Sample]:  # noqa: ANN401 - as `instant`
    async with open_client(
        build_settings(await serving(ScriptedServer(play).build_app()), retries=0)
    ) as source:
        return await PrometheusClient(source).query("up", **rest)


async def query_series(serving: Serve, play: ScriptedReply) -> list[SampleStream]:
    async with open_client(
        build_settings(await serving(ScriptedServer(play).build_app()), retries=0)
    ) as source:
        return await PrometheusClient(source).query_range("up", start=0, end=10, step=1)


def build_series(**values: object) -> dict[str, object]:
    return {"metric": {"job": "a"}, **values}


async def test_a_vector_is_samples_with_every_kind_of_number(serving: Serve) -> None:
    values = ["1.5", "NaN", "+Inf", "-Inf", "1e-07"]
    play = build_success("vector", [build_series(value=[NOW, value]) for value in values])
    found = await query_instant(serving, play)
    assert [(sample.labels, sample.time) for sample in found] == [({"job": "a"}, NOW)] * 5
    assert [found[0].value, found[4].value] == [1.5, 1e-07]
    assert math.isnan(found[1].value)
    assert [found[2].value, found[3].value] == [math.inf, -math.inf]


async def test_a_scalar_is_one_sample_without_labels(serving: Serve) -> None:
    assert await query_instant(serving, build_success("scalar", [NOW, "3"])) == [
        Sample({}, NOW, 3.0)
    ]


async def test_a_question_is_posted_as_a_form(serving: Serve) -> None:
    script = ScriptedServer(
        build_success("vector", []), build_success("vector", []), build_success("matrix", [])
    )
    url = await serving(script.build_app()) + "/prometheus"
    async with open_client(build_settings(url)) as source:
        api = PrometheusClient(source)
        await api.query("up{a='ü'}")
        await api.query("up", time=NOW)
        await api.query_range("up", start=1.0, end=2.0004, step=0.25)
    asked = [(each.method, each.path, each.form) for each in script.requests]
    form = {"query": "up", "start": "1.000", "end": "2.000", "step": "0.250"}
    assert asked == [
        ("POST", "/prometheus/api/v1/query", {"query": "up{a='ü'}"}),
        ("POST", "/prometheus/api/v1/query", {"query": "up", "time": "1700000000.500"}),
        ("POST", "/prometheus/api/v1/query_range", form),
    ]


async def test_a_series_keeps_its_gaps(serving: Serve) -> None:
    play = build_success("matrix", [build_series(values=[[0, "1"], [2, "NaN"], [3.5, "4"]])])
    (found,) = await query_series(serving, play)
    assert (found.labels, found.times) == ({"job": "a"}, (0.0, 2.0, 3.5))
    assert (found.values[0], found.values[2]) == (1.0, 4.0)


@pytest.mark.parametrize(
    ("play", "fault"),
    [
        (build_error(503, "timeout"), ErrorKind.TIMEOUT),
        (build_error(503, "canceled"), ErrorKind.SERVER_ERROR),
        (build_error(500, "internal"), ErrorKind.SERVER_ERROR),
        (build_error(503, "unavailable"), ErrorKind.SERVER_ERROR),
        (build_error(400, "bad_data"), ErrorKind.BAD_RESPONSE),
        (build_error(422, "execution"), ErrorKind.BAD_RESPONSE),
        (build_error(404, "not_found"), ErrorKind.BAD_RESPONSE),
        (build_error(422, "too_many_requests"), ErrorKind.RATE_LIMITED),
        (build_error(429, "bad_data"), ErrorKind.RATE_LIMITED),
        (build_error(401, "bad_data"), ErrorKind.UNAUTHORIZED),
        (build_error(500, "of tomorrow"), ErrorKind.SERVER_ERROR),
        (build_error(500, ["x"], 7), ErrorKind.SERVER_ERROR),
        (build_error(200, "of tomorrow"), ErrorKind.BAD_RESPONSE),
        (ScriptedReply(500, b"<html>"), ErrorKind.SERVER_ERROR),
        (ScriptedReply(404, b"404 page not found"), ErrorKind.BAD_RESPONSE),
        (ScriptedReply(200, b"<html>"), ErrorKind.BAD_RESPONSE),
        (ScriptedReply(200, b"[]"), ErrorKind.BAD_RESPONSE),
        (ScriptedReply(200, b"{}"), ErrorKind.BAD_RESPONSE),
        (ScriptedReply(200, b'{"status": "success"}'), ErrorKind.BAD_RESPONSE),
        (build_success("string", [NOW, "text"]), ErrorKind.BAD_RESPONSE),
        (build_success("matrix", []), ErrorKind.BAD_RESPONSE),
        (build_success("scalar", [NOW]), ErrorKind.BAD_RESPONSE),
        (build_success("vector", [build_series(value=[NOW])]), ErrorKind.BAD_RESPONSE),
        (build_success("vector", [build_series(value=[NOW, "many"])]), ErrorKind.BAD_RESPONSE),
        (build_success("vector", [build_series(value=[None, "1"])]), ErrorKind.BAD_RESPONSE),
        (build_success("vector", [build_series()]), ErrorKind.BAD_RESPONSE),
        (build_success("vector", [{"metric": 7, "value": [NOW, "1"]}]), ErrorKind.BAD_RESPONSE),
        (build_success("vector", [7, "value"]), ErrorKind.BAD_RESPONSE),
    ],
)
async def test_every_failure_has_a_fault(
    serving: Serve, play: ScriptedReply, fault: ErrorKind
) -> None:
    with pytest.raises(RequestError) as caught:
        await query_instant(serving, play)
    assert caught.value.kind is fault


@pytest.mark.parametrize(
    "entries", [[7], [build_series()], [build_series(values=7)], [build_series(values=[[0]])]]
)
async def test_a_series_that_is_none_is_a_bad_answer(serving: Serve, entries: object) -> None:
    for play in (build_success("matrix", entries), build_success("vector", [])):
        with pytest.raises(RequestError) as caught:
            await query_series(serving, play)
        assert caught.value.kind is ErrorKind.BAD_RESPONSE


async def test_what_prometheus_says_is_kept_short_and_on_one_line(serving: Serve) -> None:
    with pytest.raises(RequestError, match=r"bad_data: line one line two x+\.\.\.$") as caught:
        await query_instant(
            serving, build_error(400, "bad_data", "line one\nline two " + "x" * 1000)
        )
    assert len(str(caught.value)) < 300


async def test_warnings_are_passed_on_or_logged_once(
    serving: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    script, told = (
        ScriptedServer(build_success("vector", [], warnings=["one\nline", 7])),
        list[str](),
    )
    async with open_client(build_settings(await serving(script.build_app()))) as source:
        await PrometheusClient(source, on_warning=told.append).query("up")
        assert told == ["one line", "7"]
        api = PrometheusClient(source)
        for _ in range(3):
            await api.query("up")
    warned = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warned == ["tempo: one line", "tempo: 7"]


async def test_native_histograms_are_left_out_and_said_so(serving: Serve) -> None:
    pair = [build_series(histogram=[NOW, {}]), build_series(value=[NOW, "1"])]
    script = ScriptedServer(
        build_success("vector", pair), build_success("matrix", [build_series(histograms=[])])
    )
    told: list[str] = []
    async with open_client(build_settings(await serving(script.build_app()))) as source:
        api = PrometheusClient(source, on_warning=told.append)
        assert len(await api.query("up")) == 1
        assert await api.query_range("up", start=0, end=1, step=1) == []
    assert told == [HISTOGRAM_WARNING, HISTOGRAM_WARNING]


async def test_a_long_range_is_asked_in_parts_and_given_in_one_piece(serving: Serve) -> None:
    one, two = {"job": "a"}, {"job": "b"}
    script = ScriptedServer(
        build_success("matrix", [{"metric": one, "values": [[0, "0"], [10_999, "1"]]}]),
        build_success(
            "matrix",
            [
                {"metric": two, "values": [[11_000, "2"]]},
                {"metric": one, "values": [[12_000, "3"]]},
            ],
        ),
    )
    async with open_client(build_settings(await serving(script.build_app()))) as source:
        found = await PrometheusClient(source).query_range("up", start=0, end=12_000, step=1)
    assert [(each.form["start"], each.form["end"]) for each in script.requests] == [
        ("0.000", "10999.000"),
        ("11000.000", "12000.000"),
    ]
    assert found == [
        SampleStream(one, (0.0, 10_999.0, 12_000.0), (0.0, 1.0, 3.0)),
        SampleStream(two, (11_000.0,), (2.0,)),
    ]


async def test_a_part_that_is_missing_is_an_error_and_not_a_hole(serving: Serve) -> None:
    script = ScriptedServer(build_success("matrix", []), build_error(422, "execution"))
    async with open_client(build_settings(await serving(script.build_app()))) as source:
        with pytest.raises(RequestError):
            await PrometheusClient(source).query_range("up", start=0, end=12_000, step=1)


@given(start=st.integers(0, 2 * 10**12), length=st.integers(0, 10**9), step=st.integers(1, 10**6))
def test_the_parts_of_a_range_hold_every_point_once(start: int, length: int, step: int) -> None:
    if length // step > 100 * prometheus.MAX_POINTS:
        step = max(step, length // prometheus.MAX_POINTS)
    windows = list(prometheus.split_range(start, start + length, step))
    sizes = [(last - first) // step + 1 for first, last in windows]
    assert all(0 < size <= prometheus.MAX_POINTS for size in sizes)
    assert sum(sizes) == length // step + 1
    assert windows[0][0] == start
    assert all(b[0] - a[1] == step for a, b in itertools.pairwise(windows))
    assert (windows[-1][1] - start) % step == 0


@pytest.mark.parametrize(("start", "end", "step"), [(2, 1, 1), (0, 1, 0), (0, 1, -1), (-1, 1, 1)])
def test_an_invalid_range_is_refused(start: int, end: int, step: int) -> None:
    with pytest.raises(ValueError, match="invalid range"):
        list(prometheus.split_range(start, end, step))


def test_times_are_written_in_full_and_nothing_joined_is_nothing() -> None:
    times = [prometheus.format_seconds(ms) for ms in (0, 5, 1_700_000_000_050)]
    assert times == ["0.000", "0.005", "1700000000.050"]
    assert join_series([]) == join_series([[], []]) == []


async def test_a_prometheus_behind_tls_and_a_password_is_asked_like_any(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "password").write_text("hunter2")
    script = ScriptedServer(build_success("vector", [build_series(value=[NOW, "1"])]))
    async with serve_tls(authority.issue_cert("127.0.0.1"), server=script) as url:
        settings = build_settings(
            url,
            tls={"ca_file": "ca.pem"},
            basic_auth={"username": "me", "password_file": "password"},
            headers={"X-Scope-OrgID": "homelab"},
        )
        async with open_client(settings, folder=tmp_path) as source:
            (found,) = await PrometheusClient(source).query("up")
    assert found.value == 1.0
    (asked,) = script.requests
    assert asked.headers["Authorization"] == "Basic bWU6aHVudGVyMg=="
    assert asked.headers["X-Scope-OrgID"] == "homelab"
