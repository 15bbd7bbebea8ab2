"""Spec texts: a plain Sloth file, and functions that change parts of it."""

from typing import Any

import yaml

from slos.schema.loader import parse_specs
from slos.schema.sli_signal import SliSignal
from slos.schema.spec import Spec
from slos.schema.yaml.document import read_documents

ERRORS = 'sum(rate(http_requests_total{code=~"5.."}[{{.window}}]))'
TOTAL = "sum(rate(http_requests_total[{{.window}}]))"
EVENTS: dict[str, Any] = {"events": {"error_query": ERRORS, "total_query": TOTAL}}


def build_slo(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever YAML holds
    return {
        "name": "requests",
        "objective": 99.9,
        "sli": EVENTS,
        "alerting": {"name": "TooManyErrors"},
        **changes,
    }


def build_spec(*slos: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "version": "prometheus/v1",
        "service": "shop",
        "slos": list(slos) or [build_slo()],
        **changes,
    }


def dump_yaml(document: object) -> bytes:
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True)).encode()


class _QuotingDumper(yaml.SafeDumper):
    """Texts in quotes, so that no reader takes one for something else."""


_QuotingDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def dump_quoted_yaml(document: object) -> bytes:
    return str(
        yaml.dump(document, Dumper=_QuotingDumper, sort_keys=False, allow_unicode=True)
    ).encode()


def parse_single_spec(document: object) -> Spec:
    """The one valid spec of a document."""
    specs, problems = parse_specs(dump_yaml(document), "shop.yaml")
    assert not problems, problems
    assert len(specs) == 1
    return specs[0].spec


def parse_signal(sli: dict[str, Any]) -> SliSignal:
    return parse_single_spec(build_spec(build_slo(sli=sli))).slos[0].sli.get_type().build_signal()


def parse_value(text: str) -> object:
    """The one value in a YAML text that has no problems."""
    documents, problems = read_documents(text.encode(), "a.yaml")
    assert not problems, problems
    assert len(documents) == 1
    return documents[0].value
