"""Numbers set in one place."""

from decimal import Decimal
from typing import Any

import pytest

from slos.schema.parse import parse_specs
from slos.schema.plain import PlainAlert
from tests.schema.specs import ERRORS, TOTAL, as_yaml, parsed, problems_of, slo, spec
from tests.schema.test_plain_alerts import RECORDING, alert

NUMBERS = {"link_speed": 125_000_000, "much": 0.8}
TEXT = "sent_bytes / {{.link_speed}}"


def the_alert(**changes: Any) -> PlainAlert:  # noqa: ANN401 - YAML
    plain = {"below": None, "quiet": None, "firing": None, "above": "{{.much}}", **changes}
    return parsed(spec(alerts=[alert(**plain)], settings=NUMBERS)).alerts[0]


def test_a_setting_stands_in_queries_texts_thresholds_and_examples() -> None:
    found = the_alert(
        query=TEXT,
        description="of {{ .link_speed }} bytes, {{ $value }} are used",
        example=[{"series": "sent_bytes", "times": 1, "of": "{{.link_speed}}"}],
    )
    assert found.query == "sent_bytes / 125000000"
    assert found.description == "of 125000000 bytes, {{ $value }} are used"
    assert found.threshold == Decimal("0.8")
    parts = [(Decimal("0.5"), "quiet", 1)]
    assert found.example[0].values(parts, Decimal(30)) == [62_500_000]


def test_the_queries_of_an_slo_keep_their_window() -> None:
    sli = {"events": {"error_query": ERRORS, "total_query": f"{TOTAL} * {{{{.much}}}}"}}
    found = parsed(spec(slo(sli=sli), settings=NUMBERS)).slos[0].sli.chosen()
    assert found.queries().total == f"{TOTAL} * 0.8"  # type: ignore[union-attr]


def test_an_object_of_kubernetes_has_settings_as_well() -> None:
    document = {
        "apiVersion": "sloth.slok.dev/v1",
        "kind": "PrometheusServiceLevel",
        "metadata": {"name": "shop"},
        "spec": {
            "service": "shop",
            "settings": {"link_speed": 1000},
            "recordings": [{**RECORDING, "query": TEXT}],
        },
    }
    specs, problems = parse_specs(as_yaml(document), "shop.yaml")
    assert not problems
    assert specs[0].spec.recordings[0].query == "sent_bytes / 1000"


@pytest.mark.parametrize(
    ("query", "said", "hint"),
    [
        ("up / {{.link_sped}}", "there is no setting 'link_sped'", "did you mean 'link_speed'?"),
        ("up / {{.zzz}}", "there is no setting 'zzz'", "add it to 'settings'"),
    ],
)
def test_an_unknown_setting_is_one_problem_at_its_place(query: str, said: str, hint: str) -> None:
    document = spec(alerts=[alert(query=query)], settings={"link_speed": 1})
    (problem,) = problems_of(document)
    assert (problem.message, problem.hint) == (said, hint)
    line = as_yaml(document).decode().splitlines()[problem.at.line - 1]
    assert query in line


def test_every_other_mistake_is_told_beside_an_unknown_setting() -> None:
    wrong = [alert(query="up / {{.a}}"), alert(name="Other", severity="page")]
    assert len(problems_of(spec(alerts=wrong, settings={"b": 1}))) == 2


def test_without_settings_a_placeholder_is_told_what_is_known() -> None:
    (problem,) = problems_of(spec(alerts=[alert(query="up / {{.link_speed}}")]))
    assert "names under 'settings' are known here" in problem.message + problem.hint


@pytest.mark.parametrize("name", ["window", "Link", "1st", "a-b", ""])
def test_a_setting_has_a_name_that_queries_can_use(name: str) -> None:
    (problem,) = problems_of(spec(settings={name: 1}))
    assert "not a setting's name" in problem.message


@pytest.mark.parametrize("value", ["fast", True, [1], None])
def test_a_setting_is_a_number(value: object) -> None:
    assert problems_of(spec(settings={"link_speed": value}))


def test_what_was_asked_for_and_what_labels_say_is_left_as_written() -> None:
    asked = [{"id": "A", "says": "{{.link_speed}}", "validated_by": "us"}]
    found = parsed(spec(requirements=asked, settings={"link_speed": 1}))
    assert found.requirements[0].says == "{{.link_speed}}"
