"""Unknown keys: an error with the nearest known name on every level, or passed over."""

import pytest

from slos.schema.parse import parse_specs

# One unknown key on every level; the comment of its line names the nearest known key.
TYPOS = """\
version: prometheus/v1
service: shop
perod: 7d # period
slo_plugins:
  chian: [] # chain
slos:
  - name: requests
    objectiv: 1 # objective
    objective: 99
    plugins:
      chain:
        - id: x
          prioritty: 1 # priority
    sli:
      event: {} # events
      events:
        error_querry: x # error_query
        error_query: sum(rate(e[{{.window}}]))
        total_query: sum(rate(t[{{.window}}]))
    alerting:
      name: X
      anotations: {} # annotations
      page_alert:
        disabled: true # disable
      ticket_alert:
        min_event: 5 # min_events
      absent_alert:
        fore: 5m # for
      threshold_alerts:
        - name: T
          above: 5%
          over: 5m
          keep_fireing_for: 5m # keep_firing_for
      windows:
        page:
          quick: {error_budget_percent: 2, short_window: 5m, long_window: 1h}
          slow: {error_budget_percent: 5, short_window: 30m, long_window: 6h}
        ticket:
          quick: {error_budget_percent: 10, short_window: 2h, long_window: 1d}
          slow:
            error_budget_percent: 10
            short_windows: 5m # short_window
            short_window: 6h
            long_window: 3d
  - name: queue
    objective: 99
    alerting: {name: Y}
    sli:
      latency:
        metric: m
        threshold: 5s
        treshold: 4s # threshold
  - name: probes
    objective: 99
    alerting: {name: Z}
    sli:
      probe:
        stages: x # stage
        stage: verification
        below: 5m
  - name: slices
    objective: 99
    alerting: {name: Z}
    sli:
      threshold:
        query: up
        comparision: "<" # comparison
        comparison: "<"
        value: 1
  - name: raws
    objective: 99
    alerting: {name: Z}
    sli:
      raw:
        error_ratio_query: rate(m[{{.window}}])
        error_ratio_qery: x # error_ratio_query
  - name: gauges
    objective: 99
    alerting: {name: Z}
    sli:
      gauge: {metric: up, bye: []} # by
"""
MARKED = [
    (number, line.index(line.split(":")[0].strip().removeprefix("- ")) + 1, line.split("# ")[1])
    for number, line in enumerate(TYPOS.splitlines(), start=1)
    if "# " in line
]


def test_every_unknown_key_is_found_on_its_line_with_the_nearest_known_key() -> None:
    _, problems = parse_specs(TYPOS.encode(), "a.yaml")
    unknown = [problem for problem in problems if problem.message.startswith("unknown key")]
    found = {problem.at.line: problem.hint for problem in unknown}
    assert found == {line: f"did you mean {nearest!r}?" for line, _, nearest in MARKED}
    assert len(unknown) == len(MARKED)


def test_nothing_but_the_unknown_keys_is_wrong_there() -> None:
    _, problems = parse_specs(TYPOS.encode(), "a.yaml")
    assert {problem.message.partition("'")[0] for problem in problems} == {"unknown key "}


def test_the_column_is_that_of_the_key() -> None:
    _, problems = parse_specs(TYPOS.encode(), "a.yaml")
    columns = {problem.at.line: problem.at.column for problem in problems}
    expected = {line: column for line, column, nearest in MARKED if nearest != "by"}
    expected[next(line for line, _, nearest in MARKED if nearest == "by")] = 27
    assert columns == expected


def test_lenient_passes_over_every_unknown_key_on_every_level() -> None:
    specs, problems = parse_specs(TYPOS.encode(), "a.yaml", lenient=True)
    assert not problems
    assert [slo.name for slo in specs[0].spec.slos] == [
        "requests",
        "queue",
        "probes",
        "slices",
        "raws",
        "gauges",
    ]


def test_lenient_still_reports_everything_else() -> None:
    bad = TYPOS.replace("above: 5%", "above: 500%").encode()
    _, problems = parse_specs(bad, "a.yaml", lenient=True)
    assert ["is not a share" in problem.message for problem in problems] == [True]


def test_a_key_near_to_nothing_gets_the_list_of_known_keys() -> None:
    _, problems = parse_specs(TYPOS.replace("perod:", "zzzzzz:").encode(), "a.yaml")
    (problem,) = [problem for problem in problems if "'zzzzzz'" in problem.message]
    assert problem.hint.startswith("known here: ")
    for known in ("version", "service", "slos", "labels", "period", "slo_plugins"):
        assert known in problem.hint


@pytest.mark.parametrize("key", ["Name", "NAME", "name "])
def test_keys_are_told_apart_by_case_and_the_right_one_is_named(key: str) -> None:
    text = TYPOS.replace("- name: queue", f'- "{key}": queue\n    name: queue')
    _, problems = parse_specs(text.encode(), "a.yaml")
    assert any(repr(f"slos[1].{key}") in problem.message for problem in problems)
