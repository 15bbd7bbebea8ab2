"""Quantiles with intervals, histograms, and the comparison with a baseline."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from exporter.loadtest.histograms import decode_quantiles, encode_histogram
from exporter.loadtest.named_baselines import (
    FORMAT,
    compare_steps,
    compare_with_baseline,
)
from exporter.loadtest.quantiles import (
    count_needed_values,
    estimate_quantile,
    find_interval_ranks,
    measure_significance,
)
from exporter.loadtest.result_file import ResultFileError, read_json, write_json
from exporter.model.bounds import Bounds


@given(count=st.integers(1, 3000), probability=st.sampled_from([0.5, 0.95, 0.99]))
def test_the_ranks_of_an_interval_are_those_of_the_binomial_distribution(
    count: int, probability: float
) -> None:
    low, high = find_interval_ranks(count, probability)
    lowest, highest = (int(stats.binom.ppf(q, count, probability)) for q in (0.025, 0.975))
    assert low == (lowest if lowest > 0 else None)
    assert high == (highest + 1 if highest < count else None)


def test_an_interval_holds_the_true_quantile_as_often_as_it_says() -> None:
    rng, found = random.Random(3), 0
    true_p95 = stats.expon.ppf(0.95)
    for _ in range(400):
        values = [Bounds.exactly(rng.expovariate(1)) for _ in range(100)]
        estimate = estimate_quantile(values, 0.95)
        assert estimate.low is not None
        assert estimate.high is not None
        found += estimate.low <= true_p95 <= estimate.high
    assert 0.93 <= found / 400 <= 1


@pytest.mark.parametrize(("probability", "needed"), [(0.5, 6), (0.95, 72), (0.99, 368)])
def test_too_few_values_have_no_bound(probability: float, needed: int) -> None:
    assert count_needed_values(probability) == needed
    values = [Bounds.exactly(float(n)) for n in range(needed)]
    assert estimate_quantile(values, probability).has_interval
    few = estimate_quantile(values[:-1], probability)
    assert not few.has_interval
    assert few.value is not None
    assert estimate_quantile([], probability).value is None


def test_an_uncertain_time_widens_the_interval_on_both_sides() -> None:
    certain = [Bounds.exactly(float(n)) for n in range(100)]
    unsure = [Bounds(float(n) - 0.5, float(n) + 0.5) for n in range(100)]
    first, second = estimate_quantile(certain, 0.5), estimate_quantile(unsure, 0.5)
    assert first.low is not None
    assert first.high is not None
    assert (second.low, second.high) == (first.low - 0.5, first.high + 0.5)


@given(st.lists(st.floats(1e-6, 3600), min_size=1, max_size=200))
def test_a_histogram_keeps_each_quantile_within_a_thousandth(seconds: list[float]) -> None:
    (median,) = decode_quantiles(encode_histogram(seconds), [0.5])
    ordered = sorted(seconds)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    assert low * 0.998 - 2e-6 <= median <= high * 1.002 + 2e-6


def build_step(seconds: list[float], load: float = 1.0) -> dict[str, object]:
    times = [[value, value] for value in seconds]
    return {
        "load": load,
        "phase": "single",
        "replicas": None,
        "sent": len(seconds),
        "quantiles": {},
        "samples": {"stages": {"end_to_end": times}},
    }


def draw(seed: int, factor: float = 1.0, count: int = 100) -> list[float]:
    rng = random.Random(seed)
    return [factor * rng.lognormvariate(-3, 0.3) for _ in range(count)]


def test_the_same_distribution_is_rarely_called_worse() -> None:
    worse = sum(
        change.is_worse
        for seed in range(0, 20, 2)
        for change in compare_steps([build_step(draw(seed))], [build_step(draw(seed + 1))])
    )
    assert worse == 0


def test_a_rise_of_a_third_is_found_with_the_events_of_a_baseline() -> None:
    for seed in range(0, 6, 2):
        slower = [build_step(draw(seed + 1, 1.3, count=75))]
        changes = compare_steps([build_step(draw(seed, count=75))], slower)
        assert changes[0].is_worse, changes[0]


def test_a_rise_of_half_is_worse_and_a_small_or_unproven_one_is_not() -> None:
    before = [build_step(draw(1))]
    assert all(change.is_worse for change in compare_steps(before, [build_step(draw(2, 1.5))]))
    # Significant with many events, and below the effect.
    small = compare_steps([build_step(draw(1, count=900))], [build_step(draw(2, 1.08, count=900))])
    assert small[0].p is not None
    assert small[0].p < 0.01
    assert not any(change.is_worse for change in small)
    few = compare_steps([build_step(draw(1, count=10))], [build_step(draw(2, 3, count=10))])
    assert [change.p for change in few] == [None, None]
    assert not compare_steps(before, [build_step(draw(1), load=2.0)])


def test_the_significance_is_the_same_each_time() -> None:
    first, second = draw(1), draw(2, 1.1)
    assert measure_significance(first, second, 0.95) == measure_significance(first, second, 0.95)


def build_document(factor: float) -> dict[str, object]:
    return {
        "id": "1",
        "scenario": "baseline",
        "started": "2026-01-01T00:00:00.000Z",
        "environment": {"cpus": 2, "cpu_model": "x", "target": "http://a/", "python": "3.11.7"},
        "settings": {},
        "steps": [build_step(draw(1, factor))],
    }


def test_a_baseline_is_created_kept_and_renewed(tmp_path: Path) -> None:
    path = tmp_path / "baselines" / "main-baseline.json"
    assert compare_with_baseline(build_document(1), path, name="main").is_new
    assert read_json(path, expected_format=FORMAT, version=1)["name"] == "main"
    slower = compare_with_baseline(build_document(2), path, name="main")
    assert (slower.is_new, slower.is_worse) == (False, True)
    assert compare_with_baseline(build_document(2), path, name="main", renew=True).is_new
    assert not compare_with_baseline(build_document(2), path, name="main").is_worse


def test_another_machine_is_said(tmp_path: Path) -> None:
    path = tmp_path / "main.json"
    compare_with_baseline(build_document(1), path, name="main")
    other = build_document(1) | {
        "environment": {"cpus": 8, "cpu_model": "x", "target": "http://a/", "python": "3.11.7"}
    }
    assert compare_with_baseline(other, path, name="main").notes == (
        "cpus was 2 in the baseline, and is 8",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a slo-probe/baseline"),
        ('{"format": "slo-probe/baseline", "version": 2}', "has version 2"),
        ('{"format": "slo-probe/baseline", "version": 1}', "is damaged"),
    ],
)
def test_a_file_of_another_kind_or_a_later_version_is_refused(
    tmp_path: Path, content: str, reason: str
) -> None:
    path = tmp_path / "main.json"
    path.write_text(content)
    with pytest.raises(ResultFileError, match=reason):
        compare_with_baseline(build_document(1), path, name="main")
    assert path.read_text() == content


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultFileError, match="cannot write"):
        write_json(tmp_path / "file" / "main.json", {})
