"""Files of JSON: they are read as a JSON parser reads them, several objects in a file included."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slos.schema.yaml.document import read_documents

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.sampled_from(
        ["\u2028", "\x7f", "\\ud83d\\ude00", "😀", "a # b", "<<", "yes", "2020-01-01"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3)


def read_values(text: str) -> list[Any]:
    documents, problems = read_documents(text.encode(), "a.json")
    assert not problems, problems
    return [document.value for document in documents]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(OBJECTS, min_size=1, max_size=3),
    st.fixed_dictionaries(
        {"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 2, "\t"])}
    ),
    st.sampled_from(["", " ", "\n", "\n\n  ", "\n---\n"]),
)
def test_json_objects_one_after_the_other_are_read_as_a_json_parser_reads_them(
    objects: list[dict[str, Any]], options: dict[str, Any], between: str
) -> None:
    texts = [json.dumps(each, **options) for each in objects]
    expected = [json.loads(text, parse_float=Decimal) for text in texts]
    assert read_values(between.join(texts)) == expected


def test_each_object_keeps_its_lines_and_columns() -> None:
    text = '{"a": 1} {"b":\n {"c": 2}}\n\n{\n  "d": 3}'
    first, second, third = read_documents(text.encode(), "a.json")[0]
    assert str(first.find_position(("a",))) == "a.json:1:2"
    assert str(second.find_position(("b",))) == "a.json:1:11"
    assert str(second.find_position(("b", "c"))) == "a.json:2:3"
    assert str(third.find_position(("d",))) == "a.json:5:3"


@pytest.mark.parametrize("kind", ["List", "PrometheusServiceLevelList"])
def test_the_items_of_a_list_are_documents_with_their_own_positions(kind: str) -> None:
    text = f"kind: {kind}\napiVersion: v1\nitems:\n- a: 1\n-\n- b: 2\n---\nc: 3\n"
    documents, _ = read_documents(text.encode(), "a.yaml")
    assert [document.value for document in documents] == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert str(documents[1].find_position(("b",))) == "a.yaml:6:3"


def test_a_list_of_nothing_has_no_documents() -> None:
    assert read_values("kind: List\nitems: [null]\n") == []


def test_the_items_of_a_list_in_a_list_are_documents() -> None:
    text = "kind: List\nitems:\n- kind: AList\n  items: [{a: 1}, {b: 2}]\n- c: 3\n"
    assert read_values(text) == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize(
    "text",
    ["kind: List\n", "kind: List\nitems: []\n", "kind: [List]\nitems: [1]\n", "items: [1]\n"],
)
def test_what_only_resembles_a_list_is_one_document(text: str) -> None:
    assert len(read_values(text)) == 1


def test_a_list_that_contains_itself_ends() -> None:
    (document,) = read_documents(b"&a {kind: List, items: [*a]}", "a.yaml")[0]
    assert document.value["kind"] == "List"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1}\n{"b": 2,, }\n', "a.json:2:9"),
        ('{"a": 1}\n{"b": "2}\n', "a.json:"),
        ('{"a": 1}\n{"a": 1, "a": 2}\n', "a.json:2:10"),
        ('{"a": 1}\n' + '{"a":' * 5000, "a.json"),
    ],
)
def test_a_mistake_in_a_later_object_is_reported_at_its_place(text: str, place: str) -> None:
    _, (problem,) = read_documents(text.encode(), "a.json")
    assert str(problem.position).startswith(place)


def test_many_values_without_aliases_are_not_too_many() -> None:
    (value,) = read_values(json.dumps({"a": "2 * 3", "b": [0] * 100_001}))
    assert len(value["b"]) == 100_001
