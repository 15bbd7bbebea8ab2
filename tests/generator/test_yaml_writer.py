"""YAML writer: the text of rules parses to the same values."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.model import AlertingRule, RecordingRule, RuleGroup
from generator.text import yaml_writer
from slos.schema.units import Duration

# Code points that YAML texts cannot hold unescaped: see the report of these tests.
WORDS = st.text(
    st.characters(
        exclude_categories=["Cs"],
        exclude_characters=[
            *map(chr, range(0x7F, 0xA0)),
            "\u2028",
            "\u2029",
            "\ufeff",
            "\ufffe",
            "\uffff",
        ],
    ),
    max_size=30,
)
EXPRESSIONS = WORDS | st.lists(
    st.sampled_from(["sum(a)", "  +", "", " ", '"q"', "# c", "'", "- x", "key: v", "\t", "b  "]),
    max_size=6,
).map("\n".join)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True) | st.sampled_from(
    ["y", "no", "on", "Null", "true", "off", "e1", "x0x"]
)
LABELS = st.dictionaries(NAMES, WORDS, max_size=3)
LENGTHS = st.none() | st.integers(1, 10**9).map(Duration)
RULES = st.builds(
    RecordingRule, record=st.just("slo:a:b"), expr=EXPRESSIONS, labels=LABELS
) | st.builds(
    AlertingRule,
    alert=WORDS.filter(bool),
    expr=EXPRESSIONS,
    labels=LABELS,
    annotations=LABELS,
    for_=LENGTHS,
    keep_firing_for=LENGTHS,
)
GROUPS = st.lists(
    st.builds(
        RuleGroup,
        name=NAMES | WORDS,
        interval=st.just(Duration.parse("1m30s")),
        rules=st.lists(RULES, max_size=3).map(tuple),
    ),
    max_size=3,
)


def convert_rule(rule: RecordingRule | AlertingRule) -> dict[str, Any]:
    found: dict[str, Any] = {"expr": rule.expr}
    if isinstance(rule, AlertingRule):
        found["alert"] = rule.alert
        found["for"] = str(rule.for_ or "")
        found["keep_firing_for"] = str(rule.keep_firing_for or "")
        found["annotations"] = dict(rule.annotations)
    else:
        found["record"] = rule.record
    found["labels"] = dict(rule.labels)
    return {key: value for key, value in found.items() if value or key == "expr"}


@settings(deadline=None, max_examples=120)
@given(GROUPS)
def test_groups_read_back_exactly_as_they_were(groups: list[RuleGroup]) -> None:
    document = yaml_writer.render_document(
        ["a.yaml"], yaml_writer.render_mapping(yaml_writer.map_groups(groups))
    )
    (loaded,) = yaml.safe_load_all(document)
    assert (loaded["groups"] or []) == [
        {
            "name": group.name,
            "interval": str(group.interval),
            "rules": [convert_rule(rule) for rule in group.rules],
        }
        for group in groups
    ]


@settings(deadline=None, max_examples=150)
@given(WORDS)
def test_a_scalar_and_a_name_read_back_as_the_text_they_were(value: str) -> None:
    assert yaml.safe_load(yaml_writer.format_scalar(value)) == value
    assert yaml.safe_load(yaml_writer.format_name(value)) == value


def test_an_expression_with_quotes_or_lines_is_a_block_that_people_can_read() -> None:
    rule = RecordingRule("slo:a:b", 'sum(a{b="c"})\n/\nsum(d)', {})
    group = RuleGroup("g", Duration.parse("1m"), (rule,))
    lines = list(yaml_writer.render_mapping(yaml_writer.map_groups([group])))
    assert lines[lines.index("        expr: |-") + 1 :] == [
        '          sum(a{b="c"})',
        "          /",
        "          sum(d)",
    ]


@pytest.mark.parametrize(
    "expr", ["  a\n  b", " a\nb", "a\n\nb", "a\n", "\na", "a \n b ", "a\n ", '"', ' "', "\t\n"]
)
def test_an_expression_keeps_its_spaces_and_lines(expr: str) -> None:
    group = RuleGroup("g", Duration.parse("1m"), (RecordingRule("slo:a:b", expr, {}),))
    loaded = yaml.safe_load(
        yaml_writer.render_document(
            ["a.yaml"], yaml_writer.render_mapping(yaml_writer.map_groups([group]))
        )
    )
    assert loaded["groups"][0]["rules"][0]["expr"] == expr


@pytest.mark.parametrize("word", ["y", "N", "yes", "No", "on", "OFF", "true", "null", "1e3", ""])
def test_a_word_that_some_yaml_reads_as_no_text_is_quoted(word: str) -> None:
    assert yaml_writer.format_name(word) == f'"{word}"'


def test_labels_are_sorted_whatever_order_they_came_in() -> None:
    labels = {"labels": yaml_writer.TextMapping({"b": "2", "a": "1"})}
    assert yaml_writer.render_mapping(labels) == ["labels:", '  a: "1"', '  b: "2"']


def test_empty_values_are_left_out_but_for_empty_texts_of_labels() -> None:
    labels = yaml_writer.TextMapping({"a": ""})
    content: dict[str, yaml_writer.YamlValue] = {"x": "", "y": {"z": []}, "labels": labels}
    assert yaml_writer.render_mapping(content) == ["labels:", '  a: ""']


def test_a_list_is_on_one_line_where_it_fits() -> None:
    content: dict[str, yaml_writer.YamlValue] = {
        "short": ["a", yaml_writer.SingleQuoted('b="c"')],
        "long": ["a" * 50, "b" * 50],
    }
    assert yaml_writer.render_mapping(content) == [
        """short: ["a", 'b="c"']""",
        "long:",
        f'  - "{"a" * 50}"',
        f'  - "{"b" * 50}"',
    ]


def test_a_generated_file_is_one_document_that_says_so_and_ends_with_a_line() -> None:
    document = yaml_writer.render_document(
        ["a.yaml", "b.yaml"], yaml_writer.render_mapping(yaml_writer.map_groups([]))
    )
    first, _ = document.split("\n", 1)
    assert first.startswith(yaml_writer.GENERATED_MARK)
    assert "a.yaml, b.yaml" in first
    assert "Do not edit" in first
    assert document.endswith("\n")
    assert "---" not in document
