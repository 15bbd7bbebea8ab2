"""Explanations of leak verdicts: every reason has words, and the numbers are those measured."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.leakdetection.detector import Measurement
from exporter.leakdetection.explanation import _CAUSES, explain_findings
from exporter.leakdetection.policy import LeakReason, LeakSignal, PolicyName, SignalUnit
from exporter.leakdetection.statistics import GrowthCause, Trend
from slos.schema.contract import LeakVerdict
from tests.exporter.front_page_states import build_finding

NOT_MEASURED = (
    LeakReason.NO_SAMPLES,
    LeakReason.STALE,
    LeakReason.WARMING_UP,
    LeakReason.TOO_FEW_BUCKETS,
    LeakReason.SCRAPE_GAPS,
)
PROOFS = {LeakReason.ALL_CRITERIA_MET, LeakReason.STEEP_GROWTH}
MEASURED = sorted(set(LeakReason) - set(NOT_MEASURED) - PROOFS)


@pytest.mark.parametrize("reason", NOT_MEASURED)
def test_missing_data_are_named_with_what_is_needed(reason: LeakReason) -> None:
    finding = build_finding(LeakVerdict.INSUFFICIENT, reason, has_measurement=False)
    (explained,) = explain_findings([finding])
    assert explained.growth == ""
    assert explained.reason.endswith(".")
    assert explained.change.endswith(".")


@pytest.mark.parametrize("verdict", [LeakVerdict.PASS, LeakVerdict.SUSPECT])
@pytest.mark.parametrize("reason", MEASURED)
def test_a_failed_criterion_is_named_with_what_would_meet_it(
    reason: LeakReason, verdict: LeakVerdict
) -> None:
    (explained,) = explain_findings([build_finding(verdict, reason)])
    assert explained.reason.startswith("It ")
    assert explained.change
    assert ("becomes leak" in explained.change) is (verdict is LeakVerdict.SUSPECT)


@pytest.mark.parametrize("reason", sorted(PROOFS))
def test_a_leak_says_what_ends_it(reason: LeakReason) -> None:
    (explained,) = explain_findings([build_finding(LeakVerdict.LEAK, reason)])
    assert "A single leak creates a ticket" in explained.change


def test_every_cause_has_words() -> None:
    assert set(_CAUSES) == {cause.value for cause in GrowthCause}


def test_the_worst_is_first() -> None:
    verdicts = [LeakVerdict.PASS, LeakVerdict.LEAK, LeakVerdict.INSUFFICIENT, LeakVerdict.SUSPECT]
    explained = explain_findings(build_finding(verdict) for verdict in verdicts)
    assert [each.verdict for each in explained] == sorted(verdicts, reverse=True)


@given(
    st.sampled_from(LeakSignal),
    st.floats(-1e10, 1e10),
    st.floats(0, 1e10),
    st.floats(0, 1),
)
def test_the_growth_is_that_measured_with_three_digits(
    signal: LeakSignal, slope: float, width: float, p: float
) -> None:
    measurement = Measurement(
        PolicyName.FAST, Trend(slope, slope - width, slope + width, p, 8), p, 0.01, None, None
    )
    finding = replace(
        build_finding(LeakVerdict.PASS, LeakReason.NO_TREND, signal=signal),
        measurement=measurement,
    )
    (explained,) = explain_findings([finding])
    factor = 1e6 if signal.unit is SignalUnit.BYTES else 1.0
    numbers = [float(each) * factor for each in re.findall(r"[+-][0-9.e+-]+", explained.growth)]
    assert numbers == pytest.approx([slope, slope - width, slope + width], rel=0.006)
    assert "in the last 6 hours" in explained.reason
