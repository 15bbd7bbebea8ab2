"""Builds in several processes, and builds that know the last one: their result is the same."""

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generator import pipeline
from generator.files.output import MANIFEST
from generator.files.processes import map_in_processes
from generator.files.transaction import CannotWriteError
from generator.model import SpecFile
from tests.generator.command_line import run_slo_rules, snapshot_folder
from tests.schema.specs import build_slo, build_spec, dump_yaml
from tests.schema.test_standalone_alerts import RECORDING, build_alert

FIRST, COUNT = (int(os.environ.get(name, n)) for name, n in (("FUZZ_SEED", 0), ("FUZZ_COUNT", 2)))
STEPS = 6
CHANGES = ("added", "changed", "removed")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def write_spec(path: Path, service: str, **keys: Any) -> None:  # noqa: ANN401 - any YAML
    path.parent.mkdir(parents=True, exist_ok=True)
    slo = build_slo(objective=keys.pop("objective", 99), alerting={"name": f"{service}Errors"})
    path.write_bytes(dump_yaml(build_spec(slo, service=service, **keys)))


ODD_SPECS: dict[str, dict[str, Any]] = {
    "plain": {},
    "objective": {"objective": 95},
    "recording": {"recordings": [RECORDING]},
    "reading alert": {"alerts": [build_alert(name="Reading")]},
    "requirement": {"requirements": [{"id": "R1", "says": "It works.", "validated_by": "a test"}]},
    "claim": {"alerts": [build_alert(name="Claims", covers=["R1"])]},
    "inhibits": {"alerts": [build_alert(name="Down", inhibits={"metrics": ["http_"]})]},
    "unknown key": {"colour": "red"},
    "silence": {"silence": [{"check": "no-runbook", "reason": "a test"}]},
}


def build(out: str, *options: str) -> tuple[int, list[str]]:
    """Build, and return the exit code and the problems."""
    result = run_slo_rules("build", "specs", "-o", out, *options)
    lines = [each for each in result.stderr.splitlines() if not each.startswith(CHANGES)]
    problems = [each for each in lines if not each.startswith(f"{out}: ")]
    return result.exit_code, problems


@pytest.mark.parametrize(
    ("format_", "left_out"),
    [
        ("prometheus", ["inhibits"]),
        ("prometheus", []),
        ("operator", ["inhibits"]),
        (None, ["inhibits"]),
    ],
)
def test_a_build_in_several_processes_has_the_files_and_messages_of_one(
    tmp_path: Path, format_: str | None, left_out: list[str]
) -> None:
    for number, (name, keys) in enumerate(ODD_SPECS.items()):
        if name not in ("unknown key", *left_out):
            write_spec(tmp_path / "specs" / f"{number}.yaml", f"shop{number}", **keys)
    options = ["--format", format_] if format_ else []
    expected = build("one", *options)
    assert expected[0] == 0
    for jobs in ("1", "2", "9"):
        assert build(f"of{jobs}", "--jobs", jobs, *options) == expected
        assert snapshot_folder(tmp_path / f"of{jobs}") == snapshot_folder(tmp_path / "one")


def test_a_build_in_several_processes_reports_all_problems_and_writes_nothing(
    tmp_path: Path,
) -> None:
    for number in range(3):
        write_spec(tmp_path / "specs" / f"{number}.yaml", "same", colour="red")
    expected = build("one")
    assert expected[0] == 1
    assert build("two", "--jobs", "2") == expected
    assert not (tmp_path / "two").exists()


def test_only_changed_specs_are_rendered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        write_spec(tmp_path / "specs" / f"{number}.yaml", f"shop{number}")
    options = ("--jobs", "1", "--format", "prometheus")
    build("rules", *options)
    write_spec(tmp_path / "specs" / "1.yaml", "shop1", objective=98)
    planned = []
    plan_source = pipeline.plan_source

    def record_source(source: SpecFile, run: pipeline.BuildInput) -> pipeline.SourcePlan:
        planned.append(source.display_name)
        return plan_source(source, run)

    monkeypatch.setattr(pipeline, "plan_source", record_source)
    build("rules", *options)
    assert planned == ["specs/1.yaml"]


@pytest.mark.parametrize("content", ["", "[]", '{"a', None])
def test_a_cache_that_cannot_be_read_or_written_is_none(
    tmp_path: Path, content: str | None
) -> None:
    write_spec(tmp_path / "specs" / "shop.yaml", "shop")
    build("rules", "--jobs", "1", "--format", "prometheus")
    before = snapshot_folder(tmp_path / "rules")
    (file,) = (tmp_path / "cache" / "slo-rules").iterdir()
    file.unlink()
    if content is None:
        file.mkdir()
    else:
        file.write_text(content)
    assert build("rules", "--jobs", "1", "--format", "prometheus")[0] == 0
    assert snapshot_folder(tmp_path / "rules") == before
    assert [file] == list(file.parent.iterdir())


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_a_build_after_any_changes_equals_a_clean_one(tmp_path: Path, seed: int) -> None:
    random_ = random.Random(seed)
    specs, rules = tmp_path / "specs", tmp_path / "rules"
    for number in range(4):
        write_spec(specs / f"{number}.yaml", f"shop{number}")
    options: list[str] = []
    for step in range(STEPS):
        for _ in range(random_.randint(0, 2)):
            change_specs(specs, random_)
        change_outputs(rules, random_)
        if random_.random() < 0.4:
            options = choose_options(random_)
        found = build("rules", "--jobs", random_.choice("12"), *options)
        shutil.rmtree(tmp_path / "clean", ignore_errors=True)
        expected = build("clean", *options)
        assert found == expected, step
        if found[0] == 0:
            assert snapshot_folder(rules) == snapshot_folder(tmp_path / "clean"), step


def change_specs(specs: Path, random_: random.Random) -> None:
    number = random_.randrange(6)
    path = specs / random_.choice(["", "team"]) / f"{number}.yaml"
    change = random_.choice(["write", "write", "write", "remove", "clash", "comment"])
    if change == "write":
        write_spec(path, f"shop{number}", **random_.choice(list(ODD_SPECS.values())))
    elif change == "clash":
        write_spec(path, f"shop{random_.randrange(6)}")
    elif change == "comment" and path.exists():
        path.write_text(f"# a comment\n{path.read_text()}")
    elif len(list(specs.rglob("*.yaml"))) > 1:
        path.unlink(missing_ok=True)


def change_outputs(rules: Path, random_: random.Random) -> None:
    # Without its manifest a build cannot know which files an earlier one made.
    files = sorted(each for each in rules.rglob("*") if each.is_file() and each.name != MANIFEST)
    if files and random_.random() < 0.5:
        path = random_.choice(files)
        if random_.random() < 0.5:
            path.unlink()
        else:
            path.write_text(f"{path.read_text()}# by hand\n")


def choose_options(random_: random.Random) -> list[str]:
    choices = (
        ["--format", random_.choice(["prometheus", "operator", "tests", "thanos"])],
        ["--extra-labels", f"zone={random_.choice('ab')}"],
        ["--namespace", random_.choice(["monitoring", "other"])],
        ["--disable-alerts"],
        ["--default-slo-period", "7d"],
        ["--lenient"],
    )
    return [each for option in choices if random_.random() < 0.4 for each in option]


def test_results_of_processes_are_in_the_order_of_the_items() -> None:
    items = list(range(25))
    for jobs in (1, 2, 7):
        assert list(map_in_processes(lambda each: each * each, items, jobs)) == [
            each * each for each in items
        ]


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda _: 1 // 0, RuntimeError, "ZeroDivisionError"),
        (lambda _: os._exit(3), CannotWriteError, "with --jobs 1"),
    ],
)
def test_a_process_that_fails_is_an_error(
    function: Callable[[int], int], error: type[Exception], message: str
) -> None:
    before = list_children()
    with pytest.raises(error, match=message):
        list(map_in_processes(function, [1, 2, 3], 2))
    assert list_children() == before


def list_children() -> set[str]:
    """List the processes that this one has started, also those that nobody has waited for."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_processes_end_when_the_build_is_killed() -> None:
    program = (
        "from generator.files.processes import map_in_processes\n"
        "results = map_in_processes(lambda each: bytes(100_000), range(1000), 2)\n"
        "next(results); print('running', flush=True); input()"
    )
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[write_end],
    )
    os.close(write_end)
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert os.read(read_end, 1) == b""  # closed once no process has the other end
    os.close(read_end)
