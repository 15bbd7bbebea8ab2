"""Spec files as a whole: plain Sloth files, several documents, and all problems at once."""

import copy
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from slos.schema.parse import parse_specs
from slos.schema.problem import Severity
from slos.schema.spec import Spec
from tests.schema.specs import as_yaml, problems_of, slo, spec

# Shaped like the file Sloth's documentation starts with.
SLOTH_FILE = b"""\
version: "prometheus/v1"
service: "myservice"
labels:
  owner: "myteam"
  repo: "myorg/myservice"
  tier: 2
slos:
  # We allow failing (5xx and 429) 1 request every 1000 requests (99.9%).
  - name: "requests-availability"
    objective: 99.9
    description: "Common SLO based on availability for HTTP request responses."
    labels:
      category: availability
    sli:
      events:
        error_query: sum(rate(http_requests_total{job="s",code=~"(5..|429)"}[{{.window}}]))
        total_query: sum(rate(http_requests_total{job="s"}[{{.window}}]))
    alerting:
      name: MyServiceHighErrorRate
      labels:
        category: "availability"
      annotations:
        # Overwrite default Sloth SLO alert summary on ticket and page alerts.
        summary: "High error rate on 'myservice' requests responses"
      page_alert:
        labels:
          severity: pageteam
          routing_key: myteam
      ticket_alert:
        labels:
          severity: "slack"
          slack_channel: "#alerts-myteam"
"""


def one(data: bytes, *, lenient: bool = False) -> Spec:
    specs, problems = parse_specs(data, "a.yaml", lenient=lenient)
    assert not problems, problems
    (located,) = specs
    return located.spec


def test_a_plain_sloth_file_is_a_valid_spec() -> None:
    found = one(SLOTH_FILE)
    assert (found.service, found.slos[0].name) == ("myservice", "requests-availability")
    assert found.slos[0].objective == Decimal("99.9")
    assert found.slos[0].alerting.ticket_alert.labels["slack_channel"] == "#alerts-myteam"
    assert found.period is None


def test_a_sloth_file_with_windows_line_ends_and_a_mark_is_the_same_spec() -> None:
    windows = b"\xef\xbb\xbf" + SLOTH_FILE.replace(b"\n", b"\r\n")
    assert one(windows) == one(SLOTH_FILE)


def test_every_document_of_a_file_is_a_spec_of_its_own() -> None:
    data = as_yaml(spec(service="a")) + b"---\n" + as_yaml(spec(service="b"))
    specs, problems = parse_specs(data, "a.yaml")
    assert not problems
    assert [located.spec.service for located in specs] == ["a", "b"]


def test_a_good_document_is_returned_beside_the_problems_of_a_bad_one() -> None:
    data = as_yaml(spec(service="a")) + b"---\nversion: prometheus/v1\nservice: b\n"
    specs, problems = parse_specs(data, "a.yaml")
    assert [located.spec.service for located in specs] == ["a"]
    assert ["'slos'" in problem.message for problem in problems] == [True]


def test_anchors_share_parts_between_slos() -> None:
    data = b"""\
version: prometheus/v1
service: shop
slos:
  - &first
    name: one
    objective: 99
    sli: {raw: {error_ratio_query: "1 - avg_over_time(up[{{.window}}])"}}
    alerting: {name: One}
  - <<: *first
    name: two
    objective: 95.5
"""
    first, second = one(data).slos
    assert (first.name, first.objective) == ("one", Decimal(99))
    assert (second.name, second.objective) == ("two", Decimal("95.5"))
    assert second.sli == first.sli


def test_a_file_of_nothing_says_what_to_write() -> None:
    for data in (b"", b"# todo\n", b"---\n---\n"):
        specs, (problem,) = parse_specs(data, "a.yaml")
        assert not specs
        assert problem.message == "the file holds no spec"
        assert "'slos'" in problem.hint
        assert str(problem.at) == "a.yaml"


def test_a_top_level_list_or_text_is_no_spec() -> None:
    for data in (b"- a\n- b\n", b"hello\n", b"42\n"):
        specs, (problem,) = parse_specs(data, "a.yaml")
        assert not specs
        assert "expected a mapping" in problem.message
        assert "version:" in problem.hint
        assert problem.at.line == 1


def test_all_problems_of_a_file_come_at_once() -> None:
    broken = spec(
        slo(objective=0),
        slo(name="-bad-"),
        slo(name="b", sli={"raw": {"error_ratio_query": "rate(m[5m])"}}),
        slo(name="c", alerting={"nam": "X"}),
        version="prometheus/v2",
        labels={"bad-label": "x"},
    )
    messages = " | ".join(problem.message for problem in problems_of(broken))
    for part in (
        "version",
        "bad-label",
        "objective: 0",
        "'-bad-'",
        "no {{.window}}",
        "unknown key 'slos[3].alerting.nam'",
    ):
        assert part in messages


def test_every_problem_is_an_error_with_a_line() -> None:
    problems = problems_of({"version": 1, "service": [], "slos": {}, "extra": None})
    assert len(problems) == 4
    assert all(problem.severity is Severity.ERROR for problem in problems)
    assert sorted(problem.at.line for problem in problems) == [1, 2, 3, 4]


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_spec_or_problems(data: bytes) -> None:
    specs, problems = parse_specs(data, "a.yaml")
    assert bool(specs) != bool(problems)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=True)
    | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner),
    max_leaves=6,
)
PLACES = (
    [(key,) for key in ("version", "service", "labels", "period", "slos", "slo_plugins")]
    + [("slos", 0, key) for key in ("name", "description", "objective", "labels", "sli", "period")]
    + [("slos", 0, "sli", "events", "error_query"), ("slos", 0, "alerting")]
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(PLACES), VALUES)
def test_any_value_in_any_place_is_taken_or_reported(
    place: tuple[str | int, ...], value: object
) -> None:
    document: object = copy.deepcopy(spec())
    parent = document
    for step in place[:-1]:
        parent = parent[step]  # type: ignore[index]
    parent[place[-1]] = value  # type: ignore[index]
    specs, problems = parse_specs(as_yaml(document), "a.yaml")
    assert bool(specs) != bool(problems)
    assert all(problem.at.line >= 1 and problem.message for problem in problems)
