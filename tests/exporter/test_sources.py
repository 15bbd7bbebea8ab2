"""Of several times for one stage the best counts, and who differs from it is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources import BEST, Seen, Time, best, disagreeing, merged
from slos.schema.contract import Source, Stage

TIMES = st.floats(min_value=0, max_value=1000)
SEEN = st.dictionaries(
    st.sampled_from(list(Stage)), st.dictionaries(st.sampled_from(list(Source)), TIMES)
)
ISSUE = Stage.LINEAR_ISSUE_CREATION


@pytest.mark.parametrize("stage", list(Stage))
def test_the_first_source_of_the_table_that_saw_a_stage_counts(stage: Stage) -> None:
    order = BEST[stage]
    for number, source in enumerate(order):
        seen = {stage: {each: float(n) for n, each in enumerate(order) if n >= number}}
        assert best(seen) == {stage: Time(float(number), source)}


def test_a_source_that_is_not_in_the_table_of_a_stage_counts_for_nothing() -> None:
    assert best({Stage.END_TO_END: {Source.TEMPO: 1.0}}) == {}


@given(seen=SEEN)
def test_what_nobody_saw_is_absent_and_stages_are_in_the_order_of_the_pipeline(seen: Seen) -> None:
    found = best(seen)
    assert list(found) == [stage for stage in Stage if stage in found]
    assert all(seen[stage][time.source] == time.seconds for stage, time in found.items())


@given(one=SEEN, other=SEEN)
def test_merging_keeps_all_and_believes_the_later_word(one: Seen, other: Seen) -> None:
    both = merged(one, other)
    for stage in Stage:
        expected = {**one.get(stage, {}), **other.get(stage, {})}
        assert both.get(stage, {}) == expected
    assert merged(both, other) == both
    assert merged({}, both) == both


@pytest.mark.parametrize(
    ("stage", "times", "differ"),
    [
        (ISSUE, {Source.LINEAR: 1.0}, False),
        (ISSUE, {Source.LINEAR: 1.0, Source.TEMPO: 2.0}, False),
        (ISSUE, {Source.LINEAR: 1.0, Source.TEMPO: 2.1}, True),
        (ISSUE, {Source.LINEAR: 2.1, Source.TEMPO: 1.0}, True),
        (Stage.REMEDIATION_SELECTION, {Source.TEMPO: 0.1, Source.CANARY: 20.0}, False),
        (Stage.REMEDIATION_SELECTION, {Source.TEMPO: 20.0, Source.CANARY: 0.1}, True),
    ],
)
def test_disagreeing_sources(stage: Stage, times: dict[Source, float], *, differ: bool) -> None:
    assert disagreeing({stage: times}, tolerance=1.0) == ([stage] if differ else [])


@given(seen=SEEN)
def test_a_single_source_never_disagrees(seen: Seen) -> None:
    alone = {stage: dict(list(times.items())[:1]) for stage, times in seen.items()}
    assert disagreeing(alone, tolerance=0.0) == []
