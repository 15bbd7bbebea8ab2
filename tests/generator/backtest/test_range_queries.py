"""Range queries in chunks: retries, smaller parts, and the cache."""

from dataclasses import replace
from pathlib import Path

import pytest

from generator.clients.json_api import APIError
from generator.clients.range_queries import RangeQuery, RangeReader
from generator.files.sample_cache import SampleCache
from tests.generator.backtest.past import DAY, MINUTE, START, FakePrometheus, serve

QUERY = RangeQuery("total", START + 90 * MINUTE, START + 3 * DAY + 5 * MINUTE, MINUTE)


@pytest.fixture
def pauses() -> list[float]:
    return []


def build_reader(
    server: FakePrometheus, pauses: list[float], cache: SampleCache | None = None
) -> RangeReader:
    return RangeReader(server.url, cache, 2, now=START + 9 * DAY, sleep=pauses.append)


def test_chunks_follow_one_another_and_hold_each_step_once() -> None:
    chunks = list(QUERY.list_chunks())
    steps = [time for each in chunks for time in range(each.start, each.end + 1, each.step)]
    assert steps == list(range(QUERY.start, QUERY.end + 1, QUERY.step))
    assert {each.start % DAY for each in chunks[1:]} == {0}


def test_all_samples_are_read_in_order(pauses: list[float]) -> None:
    with serve(FakePrometheus()) as server:
        (samples,) = build_reader(server, pauses).read([QUERY])
    (series,) = samples.values()
    assert list(series[::2]) == list(range(QUERY.start, QUERY.end + 1, QUERY.step))
    assert len(server.queries) == 4
    assert pauses == []


def test_a_query_of_too_many_samples_is_read_in_parts(pauses: list[float]) -> None:
    with serve(FakePrometheus(most_points=400)) as server:
        (samples,) = build_reader(server, pauses).read([QUERY])
    (series,) = samples.values()
    assert list(series[::2]) == list(range(QUERY.start, QUERY.end + 1, QUERY.step))
    assert len(server.queries) > 4


def test_a_failure_that_passes_is_waited_for(pauses: list[float]) -> None:
    with serve(FakePrometheus(failures=[500, 429])) as server:
        build_reader(server, pauses).read([QUERY])
    assert len(pauses) == 2


def test_a_failure_that_stays_is_reported_with_the_error_of_prometheus(
    pauses: list[float],
) -> None:
    with serve(FakePrometheus(most_points=5)) as server, pytest.raises(APIError) as raised:
        build_reader(server, pauses).read([QUERY])
    assert "422" in str(raised.value)
    assert "too many samples" in str(raised.value)


def test_an_address_that_never_answers_is_not_tried_again(pauses: list[float]) -> None:
    with pytest.raises(APIError, match="cannot query"):
        RangeReader("http://127.0.0.1:9", sleep=pauses.append).read([QUERY])
    assert pauses == []


def test_a_run_that_was_ended_goes_on_where_it_was(pauses: list[float], tmp_path: Path) -> None:
    cache = SampleCache(tmp_path / "cache")
    with serve(FakePrometheus()) as server:
        build_reader(server, pauses, cache).read([replace(QUERY, end=QUERY.start + DAY)])
        (first,) = build_reader(server, pauses, cache).read([QUERY])
        # The chunk of the second day was read to its middle only.
        assert len(server.queries) == 2 + 3
        (again,) = build_reader(server, pauses, cache).read([QUERY])
    assert len(server.queries) == 2 + 3
    assert first == again


def test_samples_that_may_still_change_are_not_kept(pauses: list[float], tmp_path: Path) -> None:
    cache = SampleCache(tmp_path / "cache")
    with serve(FakePrometheus()) as server:
        reader = RangeReader(server.url, cache, 2, now=QUERY.end + MINUTE, sleep=pauses.append)
        reader.read([QUERY])
        reader.read([QUERY])
    # The last chunk, and that before it, which ended less than an hour ago.
    assert len(server.queries) == 4 + 2


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip"])
def test_a_damaged_file_of_the_cache_is_read_anew(
    damage: bytes, pauses: list[float], tmp_path: Path
) -> None:
    cache = SampleCache(tmp_path)
    with serve(FakePrometheus()) as server:
        reader = build_reader(server, pauses, cache)
        (samples,) = reader.read([QUERY])
        for file in tmp_path.glob("*.samples"):
            file.write_bytes(damage)
        (again,) = reader.read([QUERY])
    assert samples == again
    assert len(server.queries) == 8
