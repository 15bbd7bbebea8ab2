"""Other dialects: mapping to a spec, with the positions of the original keys."""

from slos.schema.dialects import load_dialects
from slos.schema.loader import parse_specs
from slos.schema.spec import LocatedSpec

CRD = b"""\
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: shop, uid: x, labels: {team: web}}
spec:
  service: shop
  slos:
    - name: requests
      objective: 99.9
      sli:
        events:
          errorQuery: sum(rate(http_requests_total{code="500"}[{{.window}}]))
          totalQuery: sum(rate(http_requests_total[{{.window}}]))
      alerting: {name: A, pageAlert: {for: 1m, minEvents: 3}}
status: {processedSLOs: 1}
"""
ALPHA = b"""\
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: requests}
spec:
  service: shop
  budgetingMethod: Occurrences
  objectives:
    - ratioMetrics:
        good: {source: prometheus, queryType: promql, query: 'sum(rate(good[{{.window}}]))'}
        total: {source: prometheus, queryType: promql, query: 'sum(rate(all[{{.window}}]))'}
      target: 0.999
  timeWindows: [{unit: Day, count: 28, isRolling: true}]
"""


def parse_only_spec(data: bytes) -> LocatedSpec:
    (found,), problems = parse_specs(data, "a.yaml")
    assert not problems, problems
    return found


def test_the_folder_is_the_registry() -> None:
    assert set(load_dialects()) == {
        ("", ""),
        ("openslo/v1", "SLO"),
        ("openslo/v1alpha", "SLO"),
        ("sloth.slok.dev/v1", "PrometheusServiceLevel"),
    }


def test_an_object_is_our_spec_with_its_metadata() -> None:
    found = parse_only_spec(CRD)
    assert found.spec.slos[0].alerting.page_alert.min_events == 3
    assert found.origin.meta
    assert (found.origin.meta.name, found.origin.meta.namespace) == ("shop", "")
    assert found.origin.meta.labels == {"team": "web"}
    assert (found.origin.mode, found.origin.dialect) == ("k8s", "sloth.slok.dev/v1")


def test_places_of_our_keys_are_found_under_their_other_names() -> None:
    query = parse_only_spec(CRD).find_position(("slos", 0, "sli", "events", "error_query"))
    assert (query.line, query.column) == (11, 11)
    target = parse_only_spec(ALPHA).find_position(("slos", 0, "objective"))
    assert (target.line, target.column) == (11, 7)
