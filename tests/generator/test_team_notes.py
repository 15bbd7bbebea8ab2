"""Notes of a team through the real program: they stay, or nothing is written."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.notes import BEGIN, END
from tests.generator.command_line import call, write_specs
from tests.generator.folders import snapshot, times
from tests.generator.test_write import failing_at
from tests.schema.specs import as_yaml, slo, spec

PAGE = "rules/runbooks/too-many-errors.md"
TICKET = "rules/runbooks/too-many-errors-ticket.md"
NOTES = "- Kim knows the cache.\n\n```\nmake cache-flush\n```\n"


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two specs and what they give."""
    monkeypatch.chdir(tmp_path)
    write_specs(tmp_path / "slos")
    assert call("build").exit_code == 0
    return tmp_path


def note(path: Path, text: str = NOTES) -> None:
    page = path.read_text()
    assert f"{BEGIN}\n{END}\n" in page
    path.write_text(page.replace(END, text + END))


def rename_the_alert(work: Path) -> None:
    other = slo(alerting={"name": "CheckoutFails"})
    (work / "slos" / "shop.yaml").write_bytes(as_yaml(spec(other)))


def test_notes_are_no_drift_and_survive_a_build_that_changes_nothing(work: Path) -> None:
    note(work / PAGE)
    before = times(work / "rules")
    checked = call("check")
    assert checked.exit_code == 0, checked.output
    assert call("build").exit_code == 0
    assert times(work / "rules") == before


def test_notes_survive_a_build_that_changes_the_page(work: Path) -> None:
    note(work / PAGE)
    (work / "slos" / "shop.yaml").write_bytes(as_yaml(spec(slo(objective=99))))
    assert f"{PAGE}: differs from its spec" in call("check").output
    assert call("build").exit_code == 0
    page = (work / PAGE).read_text()
    assert page.endswith(f"\n{BEGIN}\n{NOTES}{END}\n")
    assert "**99 %" not in page
    assert "1 % of the events may be bad" in page
    assert call("check").exit_code == 0


def test_what_is_edited_outside_of_the_notes_is_drift_and_is_put_right(work: Path) -> None:
    note(work / PAGE)
    noted = (work / PAGE).read_text()
    (work / PAGE).write_text(noted.replace("## Impact", "## Nothing to see here"))
    assert f"{PAGE}: differs from its spec" in call("check").output
    assert call("build").exit_code == 0
    assert (work / PAGE).read_text() == noted


def test_line_ends_of_another_system_are_no_drift(work: Path) -> None:
    note(work / PAGE)
    (work / PAGE).write_bytes((work / PAGE).read_bytes().replace(b"\n", b"\r\n"))
    assert call("check").exit_code == 0


def test_a_page_with_notes_whose_alert_is_gone_is_kept_and_said(work: Path) -> None:
    note(work / PAGE)
    rename_the_alert(work)
    assert f"{TICKET}: no spec makes it" in call("check").output
    built = call("build")
    assert built.exit_code == 0
    assert f"{PAGE}: warning: nothing makes this page any more" in built.stderr
    assert NOTES in (work / PAGE).read_text()
    assert not (work / TICKET).exists()
    checked = call("check")
    assert checked.exit_code == 0
    assert f"{PAGE}: warning: nothing makes this page any more" in checked.stderr
    found = json.loads(call("check", "--json").stdout)
    assert [each["file"] for each in found["problems"] if "page" in each["message"]] == [PAGE]
    assert found["drift"] is None


def test_a_kept_page_goes_when_its_notes_are_taken_out(work: Path) -> None:
    note(work / PAGE)
    rename_the_alert(work)
    call("build")
    (work / PAGE).write_text((work / PAGE).read_text().replace(NOTES, ""))
    assert f"removed {PAGE}" in call("build").stderr
    assert not (work / PAGE).exists()
    assert call("check").exit_code == 0


def test_a_kept_page_is_a_page_again_when_its_alert_comes_back(work: Path) -> None:
    note(work / PAGE)
    rename_the_alert(work)
    call("build")
    (work / "slos" / "shop.yaml").write_bytes(as_yaml(spec()))
    built = call("build")
    assert built.exit_code == 0
    assert "nothing makes this page" not in built.stderr
    assert NOTES in (work / PAGE).read_text()


def test_a_leftover_page_whose_borders_are_broken_is_kept_as_well(work: Path) -> None:
    note(work / PAGE)
    (work / PAGE).write_text((work / PAGE).read_text().replace(END, ""))
    rename_the_alert(work)
    assert call("build").exit_code == 0
    assert NOTES in (work / PAGE).read_text()


def test_broken_borders_of_all_pages_are_told_and_nothing_is_written(work: Path) -> None:
    note(work / PAGE)
    (work / PAGE).write_text((work / PAGE).read_text().replace(END, ""))
    doubled = (work / TICKET).read_text()
    (work / TICKET).write_text(f"{doubled}{BEGIN}\n{END}\n")
    (work / "slos" / "shop.yaml").write_bytes(as_yaml(spec(slo(objective=99))))
    before = snapshot(work)
    line = (work / PAGE).read_text().split("\n").index(BEGIN) + 1
    second = doubled.count("\n") + 1
    for command in ("build", "check"):
        result = call(command)
        assert result.exit_code == 1
        assert f"{PAGE}:{line}:1: error: the team notes have no '{END}'" in result.stderr
        assert f"{TICKET}:{second}:1: error: '{BEGIN}' is here a second time" in result.stderr
        assert result.stderr.count("hint: ") >= 2
    assert "nothing was written" in call("build").stderr
    assert snapshot(work) == before


def test_notes_in_another_encoding_are_told_and_not_overwritten(work: Path) -> None:
    note(work / PAGE, "caf\n")
    (work / PAGE).write_bytes((work / PAGE).read_bytes().replace(b"caf\n", b"caf\xe9\n"))
    (work / "slos" / "shop.yaml").write_bytes(as_yaml(spec(slo(objective=99))))
    before = snapshot(work)
    result = call("build")
    assert result.exit_code == 1
    assert "the team notes are not UTF-8" in result.stderr
    assert snapshot(work) == before


def test_a_page_of_somebody_else_is_not_overwritten(work: Path) -> None:
    mine = work / "rules" / "runbooks" / "checkout-fails.md"
    mine.write_text("# My own page\n")
    rename_the_alert(work)
    result = call("build")
    assert result.exit_code == 1
    assert "was not generated by slo-rules" in result.stderr
    assert mine.read_text() == "# My own page\n"


@pytest.mark.parametrize(
    ("function", "number", "owner"),
    [
        ("pathlib.Path.replace", 1, Path),
        ("pathlib.Path.replace", 9, Path),
        ("pathlib.Path.unlink", 1, Path),
        ("tempfile.mkstemp", 4, __import__("tempfile")),
    ],
)
def test_notes_are_where_they_were_after_trouble_with_the_disk(
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    number: int,
    owner: Callable[..., object],
) -> None:
    note(work / PAGE)
    rename_the_alert(work)
    before = snapshot(work)
    with monkeypatch.context() as patch:
        real = getattr(owner, function.rpartition(".")[2])
        patch.setattr(function, failing_at(number, real))
        result = call("build")
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert snapshot(work) == before
