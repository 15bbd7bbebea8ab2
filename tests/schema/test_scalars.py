"""Which plain scalars are numbers, and that labels stay the texts that were written."""

from decimal import Decimal

import pytest

from slos.schema.parse import parse_specs
from slos.schema.scalars import Written
from tests.schema.specs import as_yaml, slo, spec, value_of

PLAIN = ["22:30", "1:2:3", "1e3", "1.10", "y", "yes", "Off", ".inf", "0o17", "017", "0x1F", "1_000"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9.99e1", Decimal("99.9")),
        ("1e3", Decimal(1000)),
        (".5", Decimal("0.5")),
        ("5.", Decimal(5)),
        ("1_0.5", Decimal("10.5")),
        ("0o17", 15),
        ("017", 15),
        ("-0x1F", -31),
        ("0b101", 5),
        ("1_000", 1000),
        ("0", 0),
        ("08", "08"),
        ("22:30", "22:30"),
        ("1:2:3.5", "1:2:3.5"),
        ("1e", "1e"),
        ("e5", "e5"),
        ("'5'", "5"),
        ("1.2.3", "1.2.3"),
        ("yes", True),
    ],
)
def test_a_scalar_is_the_number_that_yaml_1_2_and_sloth_see(text: str, value: object) -> None:
    found = value_of(f"- {text}")
    assert found == [value]


@pytest.mark.parametrize("text", PLAIN)
def test_a_label_stays_the_text_that_was_written(text: str) -> None:
    plain = as_yaml(spec(labels={"a": "@", "b": {"c": 1}}))
    data = plain.replace(b"a: '@'", f"a: {text}".encode()).replace(b"\n  b:\n    c: 1", b"")
    (located,), problems = parse_specs(data, "a.yaml")
    assert not problems
    assert located.spec.labels == {"a": text}


def test_a_key_stays_the_text_that_was_written_and_a_quoted_text_too() -> None:
    data = as_yaml(spec(labels={"z": "@"})).replace(b"z: '@'", b"on: '1.10'")
    (located,), _ = parse_specs(data, "a.yaml")
    assert located.spec.labels == {"on": "1.10"}


def test_a_label_of_nothing_is_a_problem() -> None:
    data = as_yaml(spec(labels={"z": "@"})).replace(b"'@'", b"~")
    (problem,) = parse_specs(data, "a.yaml")[1]
    assert "labels.z" in problem.message


def test_merged_labels_are_as_they_were_written_and_the_nearer_wins() -> None:
    found = value_of("base: &b {x: 1.10, y: 2}\nuse:\n  <<: *b\n  y: 3.0\n")
    assert isinstance(found, dict)
    use = found["use"]
    assert isinstance(use, Written)
    assert dict(use.texts.values()) == {"x": "1.10", "y": "3.0"}


@pytest.mark.parametrize(("written", "objective"), [("9.99e1", "99.9"), ("1e1", "10")])
def test_an_objective_may_have_an_exponent(written: str, objective: str) -> None:
    data = as_yaml(spec(slo(objective=7))).replace(
        b"objective: 7", f"objective: {written}".encode()
    )
    (located,), problems = parse_specs(data, "a.yaml")
    assert not problems
    assert located.spec.slos[0].objective == Decimal(objective)


def test_a_duration_of_nothing_is_one_only_for_alerts() -> None:
    alerting = {"name": "A", "page_alert": {"for": "0s"}, "absent_alert": {"for": 0}}
    (located,), problems = parse_specs(as_yaml(spec(slo(alerting=alerting))), "a.yaml")
    assert not problems
    assert located.spec.slos[0].alerting.page_alert.for_ is not None
    assert parse_specs(as_yaml(spec(slo(period="0s"))), "a.yaml")[1]
