"""Accepted criteria of a spec."""

import math
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slos.schema.accepted import AcceptedCriterion, merge_accepted
from slos.schema.contract import Criterion
from slos.schema.loader import parse_probe_targets
from tests.schema.specs import build_slo, build_spec, dump_yaml

LEAKS = Criterion.LEAKS


def build_accepted(until: object, reason: str = "known") -> AcceptedCriterion:
    return AcceptedCriterion.model_validate({"criterion": LEAKS, "reason": reason, "until": until})


@given(st.dates(min_value=date(1971, 1, 1), max_value=date(2999, 1, 1)))
def test_an_entry_ends_with_its_last_day_in_utc(day: date) -> None:
    ends_at = build_accepted(day.isoformat()).ends_at
    last = datetime.fromtimestamp(ends_at - 1, tz=UTC)
    assert (last.date(), last.hour, last.minute, last.second) == (day, 23, 59, 59)


def test_a_version_has_no_end() -> None:
    entry = build_accepted({"version": "0.5.16"})
    assert (entry.ends_at, str(entry.until)) == (math.inf, "version 0.5.16")


@pytest.mark.parametrize(
    "until",
    [
        "2027-02-29",
        "31.03.2027",
        "20270331",
        "2027-W13-3",
        "2027-03-31T00:00:00Z",
        "",
        None,
        2027,
        [],
        {},
        {"version": ""},
        {"version": None},
        {"version": True},
        {"version": "1", "x": 1},
    ],
)
def test_other_ends_are_refused(until: object) -> None:
    with pytest.raises(ValueError, match="until"):
        build_accepted(until)


def test_of_two_specs_the_earlier_end_counts() -> None:
    entries = [build_accepted(until) for until in ("2027-03-31", "2027-01-31")]
    entries.append(build_accepted({"version": "2"}))
    for each in (entries, entries[::-1]):
        merged = merge_accepted([[entry] for entry in each])
        assert merged == {LEAKS: entries[1]}


def test_the_prober_reads_the_list_and_warns_of_an_end_that_is_over() -> None:
    accepted = [{"criterion": "AC3.leaks", "reason": "known", "until": "2027-03-31"}]
    data = dump_yaml({**build_spec(build_slo()), "accepted": accepted})
    end = build_accepted("2027-03-31").ends_at
    for now, warnings in ((end - 1, 0), (end, 1)):
        targets, problems = parse_probe_targets([(data, "a.yaml")], now=now)
        assert targets.accepted == {LEAKS: build_accepted("2027-03-31")}
        assert [problem.severity.value for problem in problems] == ["warning"] * warnings
