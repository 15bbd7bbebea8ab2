"""Bad input of the issue: each with a clear error, and the built folder unchanged."""

from pathlib import Path

import pytest

from tests.generator.command_line import call
from tests.generator.folders import snapshot, times
from tests.schema.specs import as_yaml, spec

GOOD = """\
version: prometheus/v1
service: api
slos:
  - name: requests
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(errors_total[{{.window}}]))
        total_query: sum(rate(requests_total[{{.window}}]))
    alerting:
      name: ApiFailing
"""


def changed(old: str, new: str) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new).encode()


# What is in the file; where it is wrong; parts of the message; a part of the hint.
CASES: dict[str, tuple[bytes, str, str, str]] = {
    "unknown key": (changed("objective:", "objectve:"), ":5:5", "unknown key", "'objective'"),
    "wrong type": (changed("name: requests", "name: [a]"), ":4:5", "slos[0].name", ""),
    "objective as text": (changed("99.9", "'99.9'"), ":5:5", "'99.9' is not an objective", "99.9"),
    "broken PromQL": (
        changed("errors_total[{{.window}}])", "errors_total[{{.window}}]"),
        ":8:9",
        "not PromQL",
        "errors_total",
    ),
    "missing window": (
        changed("errors_total[{{.window}}]", "errors_total[5m]"),
        ":8:9",
        "has no {{.window}}",
        "[{{.window}}]",
    ),
    "another variable": (
        changed("errors_total[{{.window}}]", "errors_total[{{.window}}]) + sum({{.x}}"),
        ":8:9",
        "cannot fill in {{.x}}",
        "{{.window}}",
    ),
    "not summable": (
        changed("sum(rate(errors_total", "sum(increase(errors_total"),
        ":7:7",
        "different things",
        "rate in both",
    ),
    "taken id": (as_yaml(spec(service="shop")), ":4:3", "'shop-requests' is taken", "shop.yaml"),
    "objective 0": (changed("99.9", "0"), ":5:5", "0 is out of reach", "above 0"),
    "objective 100": (changed("99.9", "100"), ":5:5", "100 is out of reach", "below 100"),
    "negative objective": (changed("99.9", "-1"), ":5:5", "-1 is out of reach", "above 0"),
    "empty file": (b"", "", "holds no spec", "'version'"),
    "comments only": (b"# later\n", "", "holds no spec", "'slos'"),
    "not YAML": (b"slos: [a, b\nversion: x: y\n", ":2:", "not YAML", "brackets"),
    "binary": (b"\x7fELF\x02\x01\x01\x00\xff\xfe", "", "not a text file", "UTF-8"),
    "a repeated key": (changed("service: api", "service: api\nservice: b"), ":3:1", "twice", "2"),
    "an unknown tag": (changed("99.9", "!x 99.9"), ":5:16", "not YAML", ""),
    "a list": (b"- a\n", ":1:1", "expected a mapping", "version:"),
}


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with one good spec built to `rules/`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "shop.yaml").write_bytes(as_yaml(spec()))
    assert call("build").exit_code == 0
    return tmp_path


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("command", ["build", "check"])
def test_bad_input_is_told_with_its_place_and_nothing_is_written(
    work: Path, command: str, case: str
) -> None:
    data, place, message, hint = CASES[case]
    (work / "slos" / "zoo.yaml").write_bytes(data)
    before = snapshot(work), times(work / "rules")
    result = call(command)
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    (number,) = [i for i, line in enumerate(lines) if line.startswith(f"slos/zoo.yaml{place}")][:1]
    assert message in lines[number]
    if hint:
        told = next(line for line in lines[number + 1 :] if line.startswith("    hint: "))
        assert hint in told
    assert (snapshot(work), times(work / "rules")) == before


def test_the_good_spec_these_cases_are_made_from_is_good(work: Path) -> None:
    (work / "slos" / "zoo.yaml").write_text(GOOD)
    assert call("build").exit_code == 0


def test_all_bad_files_are_told_at_once(work: Path) -> None:
    for number, (data, *_) in enumerate(CASES.values()):
        (work / "slos" / f"zoo{number}.yaml").write_bytes(data)
    before = snapshot(work)
    result = call("build")
    assert result.exit_code == 1
    for number in range(len(CASES)):
        assert f"slos/zoo{number}.yaml" in result.stderr
    assert "nothing was written" in result.stderr
    assert snapshot(work) == before


def test_a_file_that_cannot_be_read_is_told_with_the_reason(work: Path) -> None:
    # Readable by its mode bits even for root, yet its first page is never mapped.
    (work / "slos" / "zoo.yaml").symlink_to("/proc/self/mem")
    before = snapshot(work / "rules")
    result = call("build")
    assert result.exit_code == 1
    assert "slos/zoo.yaml: error: cannot be read: Input/output error" in result.stderr
    assert snapshot(work / "rules") == before


def test_a_file_or_link_to_nowhere_is_told_with_the_reason(work: Path) -> None:
    (work / "dangling.yaml").symlink_to("nowhere")
    for name in ("missing.yaml", "missing", "dangling.yaml"):
        result = call("build", name)
        assert result.exit_code == 1
        assert f"{name}: error: cannot be read: No such file" in result.stderr
        assert "hint: check the path" in result.stderr


def test_a_folder_without_specs_is_told(work: Path) -> None:
    (work / "empty.yaml").mkdir()
    before = snapshot(work / "rules")
    result = call("build", "empty.yaml")
    assert result.exit_code == 1
    assert "empty.yaml: error: no spec files in this folder" in result.stderr
    assert snapshot(work / "rules") == before


def test_an_output_folder_that_is_a_file_is_refused_and_left(work: Path) -> None:
    (work / "out").write_text("mine")
    before = snapshot(work)
    result = call("build", "-o", "out")
    assert result.exit_code == 1
    assert "out is a file; name a folder" in result.stderr
    assert snapshot(work) == before


def test_an_output_file_below_a_file_is_refused_and_left(work: Path) -> None:
    (work / "out").write_text("mine")
    for out in ("out/rules.yaml", "out/rules"):
        result = call("build", "-o", out)
        assert result.exit_code == 1
        assert "error: cannot " in result.stderr
    assert (work / "out").read_text() == "mine"


def test_a_file_of_somebody_else_in_the_way_stops_the_build(work: Path) -> None:
    (work / "slos" / "zoo.yaml").write_text(GOOD)
    (work / "rules" / "prometheus" / "zoo.yaml").write_text("mine")
    before = snapshot(work)
    result = call("build")
    assert result.exit_code == 1
    assert "was not generated by slo-rules" in result.stderr
    assert snapshot(work) == before
