"""The statistics: what is taken from the libraries, and what is added to them."""

import subprocess
import sys

import numpy as np
import pymannkendall  # type: ignore[import-untyped]
import pytest
from scipy import stats

from exporter.leaks.holm import adjusted
from exporter.leaks.trend import misfit, slope, trend
from tests.exporter.leaks.shapes import correlated

_HOURS = np.arange(48) / 2


def _noise(seed: int = 0) -> np.ndarray:
    return 100 + np.random.default_rng(seed).standard_normal(48)


def _correlated(seed: int) -> np.ndarray:
    return correlated(np.random.default_rng(seed), 60 * _HOURS)


def test_a_straight_line_has_its_slope_for_sure() -> None:
    found = trend(_HOURS, 5 + 3 * _HOURS, level=0.01)
    assert found.slope == pytest.approx(3)
    assert found.low == pytest.approx(3)
    assert found.p < 1e-15
    assert found.n == 48


def test_rounding_errors_around_a_straight_line_are_not_correlation() -> None:
    assert trend(_HOURS, 1.5e8 + 1.1e6 / 3 * _HOURS, level=0.01).p < 1e-15


def test_a_flat_line_has_no_trend() -> None:
    found = trend(_HOURS, np.full(48, 7.0), level=0.01)
    assert (found.slope, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_the_test_is_one_sided() -> None:
    assert trend(_HOURS, _noise() - _HOURS, level=0.01).p > 0.999


def test_alternating_floors_make_the_test_no_surer_than_the_plain_one() -> None:
    values = 100 + 0.1 * _HOURS + 3 * (-1.0) ** np.arange(48)
    plain = pymannkendall.original_test(values)
    assert pymannkendall.hamed_rao_modification_test(values).var_s < plain.var_s
    assert trend(_HOURS, values, level=0.01).p == pytest.approx(stats.norm.sf(plain.z))


def test_a_variance_below_zero_is_none() -> None:
    values = np.array([3.0, 2.9, 3.4, 3.2, 3.7, 3.2, 3.7, 3.7, 3.9, 3.7, 4.1, 4.4])
    with np.errstate(invalid="ignore"):
        assert pymannkendall.hamed_rao_modification_test(values).var_s < 0
    plain = pymannkendall.original_test(values)
    assert trend(_HOURS[:12], values, level=0.01).p == pytest.approx(stats.norm.sf(plain.z))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0]])
def test_fewer_than_three_floors_prove_nothing(values: list[float]) -> None:
    assert trend(_HOURS[: len(values)], np.array(values), level=0.01).p == 1


def test_floors_alike_their_neighbours_make_the_test_less_sure_and_the_bounds_wider() -> None:
    values = next(
        values
        for values in map(_correlated, range(100))
        if pymannkendall.hamed_rao_modification_test(values).var_s
        > 2 * pymannkendall.original_test(values).var_s
    )
    found = trend(_HOURS, values, level=0.01)
    plain = stats.theilslopes(values, _HOURS, alpha=0.98)
    assert found.slope == plain.slope
    assert found.low < plain.low_slope
    assert found.high > plain.high_slope
    wide = pymannkendall.hamed_rao_modification_test(values)
    assert found.p == pytest.approx(stats.norm.sf(wide.z))


def test_the_slope_is_that_of_the_times_even_across_a_gap() -> None:
    seen = np.r_[0:10, 30:48]
    assert trend(_HOURS[seen], 3 * _HOURS[seen], level=0.01).slope == pytest.approx(3)
    assert slope(_HOURS[seen], 3 * _HOURS[seen]) == pytest.approx(3)


def test_a_misfit_is_the_mean_distance_from_the_line() -> None:
    around = np.tile([1.0, -1.0, -1.0, 1.0], 12)
    assert misfit(_HOURS, 5 + 3 * _HOURS + around) == pytest.approx(1, abs=0.05)
    assert misfit(_HOURS, 5 + 3 * _HOURS) == pytest.approx(0, abs=1e-9)


def test_many_tests_are_worth_less_each_by_holm() -> None:
    assert adjusted([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert adjusted([0.5, 0.6]) == [1.0, 1.0]
    assert adjusted([0.02]) == [0.02]
    assert adjusted([]) == []


def test_importing_the_package_does_not_import_scipy() -> None:
    asks = "import sys, exporter.leaks; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asks], check=False).returncode == 0
