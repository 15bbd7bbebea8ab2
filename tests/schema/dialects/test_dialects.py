"""Other dialects: mapping to a spec, with the positions of the original keys."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from slos.schema.dialects import load_dialects
from slos.schema.loader import parse_specs
from slos.schema.spec import LocatedSpec, Spec
from slos.schema.yaml.validation import build_camel_model

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


# Properties of the CRD in slok/sloth v0.16, pkg/kubernetes/gen/crd; None where it takes any key.
CRD_ALERT = dict.fromkeys(("annotations", "disable", "labels"))
CRD_SPEC: dict[str, Any] = {
    **dict.fromkeys(("labels", "service", "sloPlugins")),
    "slos": {
        **dict.fromkeys(("description", "labels", "name", "objective", "plugins")),
        "sli": dict.fromkeys(("events", "plugin", "raw")),
        "alerting": {
            **dict.fromkeys(("annotations", "labels", "name")),
            "pageAlert": CRD_ALERT,
            "ticketAlert": CRD_ALERT,
        },
    },
}


def list_refused_keys(
    model: type[BaseModel], crd_keys: dict[str, Any], place: str
) -> Iterator[tuple[str, str]]:
    for name, field in build_camel_model(model).model_fields.items():
        key = field.alias or name
        if key not in crd_keys:
            yield place, key
        elif inner := crd_keys[key]:
            (inner_model,) = list_models(field.annotation)
            yield from list_refused_keys(inner_model, inner, key)


def list_models(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401 - an annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in list_models(inner)]


def test_the_page_names_every_key_that_the_crd_of_sloth_refuses() -> None:
    page = (Path(__file__).parents[3] / "docs/specs.md").read_text(encoding="utf-8")
    section = page.partition("### Keys that Sloth's CRD refuses")[2].partition("\n## ")[0]
    named = {
        (place, key)
        for row in re.findall(r"^\| (`.*`) \| (`.*`) \|$", section, re.MULTILINE)
        for place in re.findall(r"`(?:[\w.\[\]]*\.)?(\w+)(?:\[\])?`", row[0])
        for key in re.findall(r"`(\w+)`", row[1])
    }
    assert named == set(list_refused_keys(Spec, CRD_SPEC, "spec"))
