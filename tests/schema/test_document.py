"""YAML parser: values with positions, and errors with positions."""

from decimal import Decimal

from slos.schema.yaml.document import read_documents
from tests.schema.specs import parse_value


def test_decimals_are_read_to_the_last_digit() -> None:
    assert parse_value("x: 99.95") == {"x": Decimal("99.95")}
    assert str(parse_value("0.1000000000000000055511151231257827")) == (
        "0.1000000000000000055511151231257827"
    )


def test_dates_stay_the_text_they_were() -> None:
    assert parse_value("since: 2024-01-31") == {"since": "2024-01-31"}


def test_a_document_that_holds_nothing_is_left_out() -> None:
    documents, problems = read_documents(b"---\n---\na: 1\n---\n# nothing\n---\nb: 2\n", "a.yaml")
    assert not problems
    assert [document.value for document in documents] == [{"a": 1}, {"b": 2}]


def test_a_byte_order_mark_and_windows_line_ends_are_taken() -> None:
    documents, problems = read_documents(b"\xef\xbb\xbfa:\r\n  b: x\r\n", "a.yaml")
    assert not problems
    assert documents[0].value == {"a": {"b": "x"}}
    assert (
        documents[0].find_position(("a", "b")).line,
        documents[0].find_position(("a", "b")).column,
    ) == (2, 3)


def test_anchors_and_merge_keys_are_resolved() -> None:
    text = "base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n"
    assert parse_value(text) == {"base": {"x": 1, "y": 2}, "use": {"x": 1, "y": 3}}


def test_a_merged_key_is_found_where_it_was_written() -> None:
    documents, _ = read_documents(b"base: &b\n  x: 1\nuse:\n  <<: *b\n  y: 3\n", "a.yaml")
    assert documents[0].find_position(("use", "x")).line == 2
    assert documents[0].find_position(("use", "y")).line == 5


def test_a_path_into_lists_and_mappings_has_line_and_column() -> None:
    text = b"slos:\n  - name: a\n  - name: b\n    sli: {raw: 1}\n"
    document = read_documents(text, "a.yaml")[0][0]
    assert str(document.find_position(("slos", 1, "name"))) == "a.yaml:3:5"
    assert str(document.find_position(("slos", 1, "sli", "raw"))) == "a.yaml:4:11"
    assert str(document.find_position(("slos", 0))) == "a.yaml:2:5"


def test_a_path_that_leaves_the_document_gives_its_last_known_step() -> None:
    document = read_documents(b"a: 1\nslos:\n  - name: a\n", "a.yaml")[0][0]
    assert document.find_position(("slos", 0, "sli", "events")).line == 3
    assert document.find_position(("nothing",)).line == 1
    assert document.find_position(("slos", 7)).line == 2


def test_lines_count_over_all_documents_of_a_file() -> None:
    documents, _ = read_documents(b"a: 1\n---\nb: 2\nc: 3\n", "a.yaml")
    assert documents[1].find_position(("c",)).line == 4


def test_the_same_key_in_neighbouring_mappings_is_fine() -> None:
    assert parse_value("[{a: 1}, {a: 2}]") == [{"a": 1}, {"a": 2}]


def test_deep_nesting_is_read_or_refused_but_never_raised() -> None:
    for depth in (50, 500):
        nested = b"[" * depth + b"]" * depth
        documents, problems = read_documents(b"a: " + nested, "a.yaml")
        assert len(documents) + len(problems) == 1
