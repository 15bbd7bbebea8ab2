"""`slo-rules backfill` with real servers: where the samples go, and what is left out."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from generator.backfill.samples import SeriesByLabels, pair_samples
from generator.clients import remote_write
from generator.clients.json_api import APIError
from generator.clients.range_queries import RangeReader
from tests.benchmarks.prometheus import run_prometheus
from tests.benchmarks.tsdb import find_tool
from tests.docs_pages import list_blocks
from tests.e2e.remote_write import FloatSample, run_receiver, write_series
from tests.generator.command_line import run_slo_rules
from tests.schema.specs import build_slo, build_spec, dump_yaml

HOUR, SCRAPE = 3_600_000, 60_000
# Two days or three, which are sent one by one.
HISTORY = 30 * HOUR
(_OLD_SAMPLES,) = [each.text for each in list_blocks("yaml") if each.page.name == "backfill.md"]
_COUNTS = '{__name__=~"slo:sli_total:sum.+"}'


@pytest.fixture
def now() -> int:
    return round(time.time() * 1000)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_bytes(
        dump_yaml(build_spec(build_slo(objective=99), period="7h", scrape_interval="1m"))
    )
    return path


@pytest.fixture
def server(now: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a server with counters of the last hours; it has recorded nothing."""
    folder = tmp_path / "server"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(find_tool("prometheus").parent), prepend=":")
    with run_receiver(find_tool("prometheus"), folder, _OLD_SAMPLES) as url:
        for code, rate in (("200", 98), ("500", 2)):
            labels = {"__name__": "http_requests_total", "code": code, "job": "shop"}
            times = range(now - HISTORY, now + 1, SCRAPE)
            samples = [FloatSample(each, rate * number) for number, each in enumerate(times)]
            write_series(url, [(labels, samples)])
        yield url


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "receiver"
    folder.mkdir()
    with run_receiver(find_tool("prometheus"), folder, _OLD_SAMPLES) as url:
        yield url


def backfill(spec: Path, server: str, *options: str | Path) -> Result:
    return run_slo_rules("backfill", spec, "--prometheus", server, *options)


def read_all(url: str, selector: str, now: int) -> SeriesByLabels:
    reader = RangeReader(url, longest_chunk=24 * HOUR)
    return pair_samples(reader.read_samples(selector, now - 2 * HISTORY, now + HOUR))


def test_an_estimate_reads_and_writes_nothing_else(spec: Path, server: str, now: int) -> None:
    result = backfill(spec, server, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "shop-requests: about " in result.stderr
    assert "the offset of their evaluations is not known" in result.stderr
    assert read_all(server, _COUNTS, now) == {}


def test_the_budget_is_right_as_soon_as_the_samples_are_sent(
    spec: Path, server: str, receiver: str, now: int
) -> None:
    result = backfill(spec, server, "--remote-write", f"{receiver}/api/v1/write")
    assert result.exit_code == 0, result.output
    last = {
        dict(labels)["__name__"]: samples[-1][1]
        for labels, samples in read_all(receiver, '{__name__=~"slo:period_.+"}', now).items()
    }
    assert last["slo:period_coverage:ratio"] == 1
    assert last["slo:period_burn_rate:ratio"] == pytest.approx(2)
    assert last["slo:period_error_budget_remaining:ratio"] == pytest.approx(-1)


def test_blocks_have_the_samples_that_are_sent_but_for_the_last_hours(
    spec: Path, server: str, receiver: str, tmp_path: Path, now: int
) -> None:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    sent = backfill(spec, server, "--remote-write", f"{receiver}/api/v1/write", "--from", "9h")
    written = backfill(spec, server, "-o", folder / "data", "--from", "9h")
    assert (sent.exit_code, written.exit_code) == (0, 0), written.output
    border = (now - 3 * HOUR) // (2 * HOUR) * (2 * HOUR)
    expected = {
        labels: early
        for labels, samples in read_all(receiver, '{sloth_id!=""}', now).items()
        if (early := [sample for sample in samples if sample[0] < border])
    }
    with run_prometheus(folder) as prometheus:
        found = read_all(prometheus.url, '{sloth_id!=""}', now)
    # The first evaluation of each run is as old as its start.
    start = max(samples[0][0] for samples in (*expected.values(), *found.values()))
    assert expected.keys() == found.keys()
    for labels, samples in expected.items():
        assert [s for s in samples if s[0] >= start] == [s for s in found[labels] if s[0] >= start]


def test_what_is_recorded_decides_the_end_and_the_times(
    spec: Path, server: str, receiver: str, now: int
) -> None:
    recorded = now - HOUR - 7_123
    name = {"__name__": "slo:sli_total:sum1m", "sloth_id": "shop-requests"}
    labels = {**name, "sloth_service": "shop", "sloth_slo": "requests"}
    samples = [FloatSample(each, 1_000) for each in range(recorded, now, SCRAPE)]
    write_series(server, [(labels, samples)])
    result = backfill(spec, server, "--remote-write", f"{receiver}/api/v1/write")
    assert result.exit_code == 0, result.output
    (computed,) = read_all(receiver, "slo:sli_total:sum1m", now).values()
    (ratios,) = read_all(receiver, "slo:sli_error:ratio_rate2m", now).values()
    assert computed[-1][0] == recorded - SCRAPE
    assert {each % SCRAPE for each, _ in computed} == {recorded % SCRAPE}
    # Two errors in each step, of 100 events that are computed and of 1000 that are recorded.
    assert [value for each, value in ratios if each < recorded][-1] == pytest.approx(0.02)
    assert ratios[-1][1] == pytest.approx(0.002)


def test_an_interrupted_run_goes_on_where_it_stopped(
    spec: Path, server: str, receiver: str, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--remote-write", f"{server}/api/v1/write", "--from", "30h")
    write, left = remote_write.write_series, 12

    def write_some(url: str, series: list[remote_write.Series]) -> None:
        nonlocal left
        if url == options[1]:
            left -= 1
            if not left:
                raise APIError("interrupted")
        write(url, series)

    whole = backfill(spec, server, "--remote-write", f"{receiver}/api/v1/write", "--from", "30h")
    monkeypatch.setattr(remote_write, "write_series", write_some)
    first = backfill(spec, server, *options)
    assert "error: interrupted" in first.stderr
    second = backfill(spec, server, *options)
    assert (whole.exit_code, second.exit_code) == (0, 0), second.output
    # The offset of the evaluations is the same, as they are whole intervals.
    expected, found = (read_all(url, '{sloth_id!=""}', now) for url in (receiver, server))
    end = min(samples[-1][0] for samples in expected.values())
    start = now - 29 * HOUR
    assert expected.keys() == found.keys()
    for labels, samples in expected.items():
        assert [each for each in samples if start < each[0] < end] == [
            each for each in found[labels] if start < each[0] < end
        ]
    third = backfill(spec, server, "--dry-run", "--from", "24h")
    assert "nothing to compute" in third.stderr


def test_a_refusal_names_the_setting_of_the_receiver(
    spec: Path, server: str, tmp_path: Path, now: int
) -> None:
    with run_receiver(find_tool("prometheus"), tmp_path) as url:
        write_series(url, [({"__name__": "up"}, [FloatSample(now, 1)])])
        result = backfill(spec, server, "--remote-write", f"{url}/api/v1/write")
    assert result.exit_code == 1
    assert "out_of_order_time_window" in result.stderr


def test_answers_are_kept_for_the_next_run_until_one_succeeds(
    spec: Path, server: str, receiver: str, tmp_path: Path
) -> None:
    cache = tmp_path / "cache" / "slo-rules" / "backfill"
    failed = backfill(
        spec, server, "--remote-write", "http://127.0.0.1:1/api/v1/write", "--chunk", "1h"
    )
    assert failed.exit_code == 1
    assert list(cache.iterdir())
    done = backfill(spec, server, "--remote-write", f"{receiver}/api/v1/write", "--chunk", "1h")
    assert done.exit_code == 0, done.output
    assert list(cache.iterdir()) == []
