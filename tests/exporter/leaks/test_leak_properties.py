"""What holds for any series."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from exporter.leaks import Finding, Life, Samples, Series, Signal, judge
from slos.schema.contract import LeakVerdict
from tests.exporter.leaks.agents import BASE, DAY, HOUR, MINUTE, SHAPES, judged

_FEW = settings(max_examples=100, deadline=None)
_TIMES = np.arange(0, DAY, 5 * MINUTE)

_floats = st.floats(width=64)
_samples = st.integers(0, 80).flatmap(
    lambda size: st.builds(
        Samples.of,
        npst.arrays(np.float64, size, elements=_floats | st.floats(0, DAY)),
        npst.arrays(np.float64, size, elements=_floats | st.integers(0, 9).map(float)),
    )
)


@st.composite
def _dense(draw: st.DrawFn) -> Samples:
    """Readings often enough for a floor, of few different values or of any, some of them bad."""
    values = draw(st.sampled_from([st.integers(0, 30_000).map(float), st.floats(0, 1e20), _floats]))
    hourly = draw(npst.arrays(np.float64, 24, elements=values))
    if draw(st.booleans()):
        hourly.sort()
    readings = np.repeat(hourly, 12) + draw(st.sampled_from([0, 1e-3, 1, 1e6])) * _TIMES
    bad = draw(st.lists(st.integers(0, readings.size - 1), max_size=50))
    readings[bad] = draw(_floats)
    return Samples.of(_TIMES, readings)


@st.composite
def _series(draw: st.DrawFn) -> Series:
    anything = _samples | _dense()
    return Series(
        draw(st.sampled_from(Signal)),
        "any",
        draw(anything),
        Life(
            starts=draw(st.lists(_floats, max_size=4)),
            events=draw(st.none() | anything),
            in_flight=draw(st.none() | anything),
        ),
        interval=draw(st.none() | st.floats(1, 600)),
    )


@given(st.lists(_series(), max_size=3), st.none() | _floats)
@_FEW
def test_every_series_gets_a_verdict(family: list[Series], at: float | None) -> None:
    found = judge(family, at=at)
    assert len(found.current) == len(family)
    for finding in found.all:
        enough = finding.verdict is not LeakVerdict.INSUFFICIENT
        assert (finding.measured is not None) is enough


@st.composite
def _plausible(draw: st.DrawFn) -> Series:
    """A shape, with or without a leak."""
    shape = SHAPES[draw(st.sampled_from(sorted(SHAPES)))]
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    leak = draw(st.sampled_from([0.0, 0.002, 0.005, 0.01, 0.03]))
    memory = 1e6 * (shape(chance, _TIMES) + BASE * leak * _TIMES / HOUR)
    return Series(Signal.RSS, "plausible", Samples.of(_TIMES, memory))


def _said(finding: Finding) -> tuple[object, ...]:
    return finding.verdict, finding.reason


@given(_plausible(), st.integers(-8, 8))
@_FEW
def test_the_unit_of_memory_does_not_change_the_verdict(series: Series, power: int) -> None:
    samples = series.samples
    scaled = Samples(samples.times, samples.values * 2.0**power)
    assert _said(judged(replace(series, samples=scaled))) == _said(judged(series))


@given(_plausible(), st.integers(-(10**9), 2 * 10**9))
@_FEW
def test_the_time_of_day_does_not_change_the_verdict(series: Series, seconds: int) -> None:
    samples = series.samples
    shifted = replace(series, samples=Samples(samples.times + seconds, samples.values))
    before, after = judged(series), judged(shifted)
    assert _said(after) == _said(before)
    assert after.measured == before.measured


@given(_plausible(), st.randoms(use_true_random=False))
@_FEW
def test_order_does_not_matter(series: Series, chance: np.random.Generator) -> None:
    order = list(range(len(series.samples)))
    order += order[::3]
    chance.shuffle(order)
    samples = Samples.of(series.samples.times[order], series.samples.values[order])
    assert judged(replace(series, samples=samples)) == judged(series)


@given(_plausible(), _plausible())
@_FEW
def test_company_never_makes_a_verdict_worse(one: Series, other: Series) -> None:
    assert judge([one, other]).all[0].verdict <= judged(one).verdict
