"""Problems: text and order."""

from slos.schema.problem import Position, Problem, ProblemSeverity, filter_errors, sort_problems


def test_a_place_is_written_as_editors_read_it() -> None:
    assert str(Position("a.yaml", 3, 7)) == "a.yaml:3:7"
    assert str(Position("a.yaml")) == "a.yaml"


def test_a_problem_reads_as_place_severity_message_and_hint() -> None:
    problem = Problem(Position("a.yaml", 3, 7), "the key is missing", "add it")
    assert str(problem) == "a.yaml:3:7: error: the key is missing\n    hint: add it"
    warning = Problem(Position("a.yaml"), "moved", severity=ProblemSeverity.WARNING)
    assert str(warning) == "a.yaml: warning: moved"


def test_problems_are_sorted_as_one_reads_the_files_and_each_is_told_once() -> None:
    late, early = Problem(Position("a", 10, 1), "x"), Problem(Position("a", 9, 5), "y")
    other = Problem(Position("b", 1, 1), "z")
    assert sort_problems([other, late, early, late]) == [early, late, other]


def test_warnings_do_not_stop_a_build() -> None:
    warning = Problem(Position("a"), "w", severity=ProblemSeverity.WARNING)
    error = Problem(Position("a"), "e")
    assert filter_errors([warning, error]) == [error]
