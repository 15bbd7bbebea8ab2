"""Accepted criteria of a spec."""

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


def test_a_version_ends_with_its_latest_day() -> None:
    entry = build_accepted({"version": "0.5.16", "latest": "2027-03-31"})
    assert entry.ends_at == build_accepted("2027-03-31").ends_at
    assert str(entry.until) == "version 0.5.16, 2027-03-31 at the latest"


def test_a_path_is_for_the_availability_only() -> None:
    entry = {"reason": "known", "until": "2027-03-31", "path": "broker"}
    with pytest.raises(ValueError, match=r"path is for 'success\.availability' only"):
        AcceptedCriterion.model_validate({**entry, "criterion": "AC3.leaks"})
    with pytest.raises(ValueError, match="path"):
        AcceptedCriterion.model_validate(
            {**entry, "criterion": "success.availability", "path": "elsewhere"}
        )


def test_a_criterion_is_listed_once_for_each_path() -> None:
    def parse(*paths: str | None) -> list[str]:
        accepted = [
            {"criterion": "success.availability", "reason": "known", "until": "2027-03-31"}
            | ({"path": path} if path else {})
            for path in paths
        ]
        data = dump_yaml({**build_spec(build_slo()), "accepted": accepted})
        _, problems = parse_probe_targets([(data, "a.yaml")], now=0)
        return [problem.message for problem in problems]

    assert parse(None, "broker", "alertmanager") == []
    (message,) = parse("broker", "broker")
    assert "'success.availability' on 'broker' is listed twice" in message


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
        {"version": "", "latest": "2027-03-31"},
        {"version": None, "latest": "2027-03-31"},
        {"version": True, "latest": "2027-03-31"},
        {"version": "0.5.16"},
        {"version": "1", "x": 1},
        {"version": "1", "latest": "31.03.2027"},
        {"latest": "2027-03-31"},
    ],
)
def test_other_ends_are_refused(until: object) -> None:
    with pytest.raises(ValueError, match="until"):
        build_accepted(until)


def test_of_two_specs_the_earlier_end_counts() -> None:
    entries = [build_accepted(until) for until in ("2027-03-31", "2027-01-31")]
    entries.append(build_accepted({"version": "2", "latest": "2027-02-01"}))
    for each in (entries, entries[::-1]):
        merged = merge_accepted([[entry] for entry in each])
        assert merged == (entries[1],)


def test_the_prober_reads_the_list_and_warns_of_an_end_that_is_over() -> None:
    accepted = [{"criterion": "AC3.leaks", "reason": "known", "until": "2027-03-31"}]
    data = dump_yaml({**build_spec(build_slo()), "accepted": accepted})
    end = build_accepted("2027-03-31").ends_at
    for now, warnings in ((end - 1, 0), (end, 1)):
        targets, problems = parse_probe_targets([(data, "a.yaml")], now=now)
        assert targets.accepted == (build_accepted("2027-03-31"),)
        assert [problem.severity.value for problem in problems] == ["warning"] * warnings
