"""Spec files: plain Sloth files, several documents, and all problems at once."""

import copy
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from slos.schema.loader import parse_specs
from slos.schema.spec import Spec
from tests.schema.specs import build_spec, dump_yaml

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


def parse_only_spec(data: bytes, *, lenient: bool = False) -> Spec:
    specs, problems = parse_specs(data, "a.yaml", lenient=lenient)
    assert not problems, problems
    (located,) = specs
    return located.spec


def test_a_plain_sloth_file_is_a_valid_spec() -> None:
    found = parse_only_spec(SLOTH_FILE)
    assert (found.service, found.slos[0].name) == ("myservice", "requests-availability")
    assert found.slos[0].objective == Decimal("99.9")
    assert found.slos[0].alerting.ticket_alert.labels["slack_channel"] == "#alerts-myteam"
    assert found.period is None


def test_a_good_document_is_returned_beside_the_problems_of_a_bad_one() -> None:
    data = dump_yaml(build_spec(service="a")) + b"---\nversion: prometheus/v1\nservice: b\n"
    specs, problems = parse_specs(data, "a.yaml")
    assert [located.spec.service for located in specs] == ["a"]
    assert ["'slos'" in problem.message for problem in problems] == [True]


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
    document: object = copy.deepcopy(build_spec())
    parent = document
    for step in place[:-1]:
        parent = parent[step]  # type: ignore[index]
    parent[place[-1]] = value  # type: ignore[index]
    specs, problems = parse_specs(dump_yaml(document), "a.yaml")
    assert bool(specs) != bool(problems)
    assert all(problem.position.line >= 1 and problem.message for problem in problems)
