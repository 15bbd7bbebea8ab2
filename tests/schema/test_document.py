"""YAML to values with positions: what is read, and what is refused with a place."""

from decimal import Decimal

import pytest

from slos.schema.document import read_documents
from slos.schema.problem import Problem
from tests.schema.specs import value_of


def problems_in(data: bytes) -> list[Problem]:
    documents, problems = read_documents(data, "a.yaml")
    assert not documents
    return problems


def test_decimals_are_read_to_the_last_digit() -> None:
    assert value_of("x: 99.95") == {"x": Decimal("99.95")}
    assert str(value_of("0.1000000000000000055511151231257827")) == (
        "0.1000000000000000055511151231257827"
    )


def test_dates_stay_the_text_they_were() -> None:
    assert value_of("since: 2024-01-31") == {"since": "2024-01-31"}


def test_a_document_that_holds_nothing_is_left_out() -> None:
    documents, problems = read_documents(b"---\n---\na: 1\n---\n# nothing\n---\nb: 2\n", "a.yaml")
    assert not problems
    assert [document.value for document in documents] == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only\n# comments\n", b"---\n...\n", b"~\n"])
def test_a_file_of_nothing_gives_no_documents(data: bytes) -> None:
    assert read_documents(data, "a.yaml") == ([], [])


def test_a_byte_order_mark_and_windows_line_ends_are_taken() -> None:
    documents, problems = read_documents(b"\xef\xbb\xbfa:\r\n  b: x\r\n", "a.yaml")
    assert not problems
    assert documents[0].value == {"a": {"b": "x"}}
    assert (documents[0].at(("a", "b")).line, documents[0].at(("a", "b")).column) == (2, 3)


def test_anchors_and_merge_keys_are_resolved() -> None:
    text = "base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n"
    assert value_of(text) == {"base": {"x": 1, "y": 2}, "use": {"x": 1, "y": 3}}


def test_a_merged_key_is_found_where_it_was_written() -> None:
    documents, _ = read_documents(b"base: &b\n  x: 1\nuse:\n  <<: *b\n  y: 3\n", "a.yaml")
    assert documents[0].at(("use", "x")).line == 2
    assert documents[0].at(("use", "y")).line == 5


def test_a_path_into_lists_and_mappings_has_line_and_column() -> None:
    text = b"slos:\n  - name: a\n  - name: b\n    sli: {raw: 1}\n"
    document = read_documents(text, "a.yaml")[0][0]
    assert str(document.at(("slos", 1, "name"))) == "a.yaml:3:5"
    assert str(document.at(("slos", 1, "sli", "raw"))) == "a.yaml:4:11"
    assert str(document.at(("slos", 0))) == "a.yaml:2:5"


def test_a_path_that_leaves_the_document_gives_its_last_known_step() -> None:
    document = read_documents(b"a: 1\nslos:\n  - name: a\n", "a.yaml")[0][0]
    assert document.at(("slos", 0, "sli", "events")).line == 3
    assert document.at(("nothing",)).line == 1
    assert document.at(("slos", 7)).line == 2


def test_lines_count_over_all_documents_of_a_file() -> None:
    documents, _ = read_documents(b"a: 1\n---\nb: 2\nc: 3\n", "a.yaml")
    assert documents[1].at(("c",)).line == 4


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"a: [1, 2\n", 2),
        (b"a: b: c\n", 1),
        (b"a: 1\n\tb: 2\n", 2),
        (b"a: 'x\n", 2),
        (b"a: *nobody\n", 1),
        (b"a: 1\nb: !unknown x\n", 2),
        (b"{a: 1}}\n", 1),
        (b"a: 1\n- b\n", 2),
    ],
)
def test_what_is_not_yaml_has_a_place_and_a_hint(data: bytes, line: int) -> None:
    (problem,) = problems_in(data)
    assert problem.message.startswith("not YAML: ")
    assert problem.at.line == line
    assert problem.at.column > 0
    assert problem.hint


@pytest.mark.parametrize(
    "data", [b"\x00\xff\xfe\x80binary", b"\x89PNG\r\n\x1a\n", "ü".encode("latin-1"), b"a: \xc3("]
)
def test_bytes_that_are_no_text_are_called_so(data: bytes) -> None:
    (problem,) = problems_in(data)
    assert problem.message == "this is not a text file"
    assert "UTF-8" in problem.hint


@pytest.mark.parametrize("data", [b"a: \x00\n", b"a: \x1b[31m\n", b"a: \x7f\n"])
def test_control_characters_are_refused(data: bytes) -> None:
    (problem,) = problems_in(data)
    assert problem.message.startswith("not YAML")
    assert "control characters" in problem.hint or problem.at.line == 1


def test_a_key_written_twice_is_refused_where_it_comes_again() -> None:
    (problem,) = problems_in(b"a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
    assert str(problem.at) == "a.yaml:5:3"
    assert "'c'" in problem.message
    assert "line 3" in problem.hint


def test_every_repeated_key_of_every_document_is_reported() -> None:
    problems = problems_in(b"a: 1\na: 2\na: 3\n---\nb: 1\nb: 2\n")
    assert sorted(problem.at.line for problem in problems) == [2, 3, 6]


def test_the_same_key_in_neighbouring_mappings_is_fine() -> None:
    assert value_of("[{a: 1}, {a: 2}]") == [{"a": 1}, {"a": 2}]


def test_a_document_after_a_bad_one_is_still_read() -> None:
    documents, problems = read_documents(b"a: 1\na: 2\n---\nb: 2\n", "a.yaml")
    assert len(problems) == 1
    assert [document.value for document in documents] == [{"b": 2}]


def test_deep_nesting_is_read_or_refused_but_never_raised() -> None:
    for depth in (50, 500):
        nested = b"[" * depth + b"]" * depth
        documents, problems = read_documents(b"a: " + nested, "a.yaml")
        assert len(documents) + len(problems) == 1


def test_an_alias_bomb_is_refused_before_it_unfolds() -> None:
    lines = ["x0: &a0 [l, l, l, l, l, l, l, l, l]"]
    lines += [f"x{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 15)]
    documents, problems = read_documents("\n".join(lines).encode(), "a.yaml")
    assert not documents
    assert "aliases multiply" in problems[0].message
