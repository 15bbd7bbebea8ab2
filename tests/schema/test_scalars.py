"""YAML scalars: which are numbers, and labels keep their text."""

from decimal import Decimal

import pytest

from slos.schema.loader import parse_specs
from slos.schema.yaml.scalars import WrittenMapping
from tests.schema.specs import build_slo, build_spec, dump_yaml, parse_value


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
    found = parse_value(f"- {text}")
    assert found == [value]


def test_merged_labels_are_as_they_were_written_and_the_nearer_wins() -> None:
    found = parse_value("base: &b {x: 1.10, y: 2}\nuse:\n  <<: *b\n  y: 3.0\n")
    assert isinstance(found, dict)
    use = found["use"]
    assert isinstance(use, WrittenMapping)
    assert dict(use.texts.values()) == {"x": "1.10", "y": "3.0"}


def test_labels_are_as_they_were_written_in_a_spec_with_settings() -> None:
    document = build_spec(build_slo(labels={"version": "@"}), settings={"limit": 5})
    data = dump_yaml(document).replace(b"'@'", b"1.10\n    limit: a-{{.limit}}")
    (located,), problems = parse_specs(data, "shop.yaml")
    assert not problems
    assert located.spec.slos[0].labels == {"version": "1.10", "limit": "a-5"}
