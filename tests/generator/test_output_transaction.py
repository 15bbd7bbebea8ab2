"""Writing of a folder is all or nothing: errors, kills, builds side by side, links and owners."""

import fcntl
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from generator.files import transaction
from generator.files.output import MANIFEST, compare_folder, write_file, write_folder
from generator.files.transaction import STAGING_FOLDER, CannotWriteError
from generator.model import Artifact
from tests.generator.command_line import run_slo_rules, snapshot_folder, write_specs
from tests.generator.disturbed_build import (
    KILLED,
    NEW,
    OLD,
    OTHER,
    REFUSED,
    UNDISTURBED,
    WRITTEN,
    build_artifact,
)

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-c", "from generator.cli import main; main()", "build"]
KILLS = int(os.environ.get("FUZZ_COUNT", "2"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an earlier build, and a file that is not ours."""
    built = tmp_path / "rules"
    write_folder(OLD, built)
    (built / "a" / "notes.txt").write_text("mine")
    return built


def disturb_builds(mode: str, base: Path, work: Path) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.generator.disturbed_build", mode, str(base), str(work)],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    return [int(line) for line in done.stdout.split()]


def snapshot_build(artifacts: list[Artifact], folder: Path, base: Path | None) -> object:
    """The files that a build makes that nothing disturbs."""
    if base:
        shutil.copytree(base, folder)
    write_folder(artifacts, folder)
    return snapshot_folder(folder)


@pytest.mark.parametrize("has_earlier", [True, False])
def test_after_a_kill_at_any_operation_the_folder_is_what_the_next_build_makes(
    folder: Path, tmp_path: Path, *, has_earlier: bool
) -> None:
    base = folder if has_earlier else None
    codes = disturb_builds("kill", base or tmp_path / "none", tmp_path / "work")
    assert codes == [KILLED] * (len(codes) - 1) + [UNDISTURBED]
    assert len(codes) > 25
    for index, artifacts in enumerate((OLD, NEW, OTHER)):
        expected = snapshot_build(artifacts, tmp_path / f"expected-{index}", base)
        for number in range(1, len(codes) + 1):
            again = tmp_path / f"again-{index}" / str(number)
            killed = tmp_path / "work" / str(number)
            if killed.exists():
                shutil.copytree(killed, again)
            write_folder(artifacts, again)
            assert snapshot_folder(again) == expected, number
            assert not compare_folder(artifacts, again)


@pytest.mark.parametrize("has_earlier", [True, False])
def test_an_error_at_any_operation_leaves_the_folder_as_it_was(
    folder: Path, tmp_path: Path, *, has_earlier: bool
) -> None:
    base = folder if has_earlier else None
    codes = disturb_builds("fail", base or tmp_path / "none", tmp_path / "work")
    assert codes[-1] == UNDISTURBED
    assert set(codes[:-1]) == {REFUSED, WRITTEN}
    assert codes.count(REFUSED) > 15
    before = snapshot_folder(base) if base else {}
    new = snapshot_build(NEW, tmp_path / "expected", base)
    for number, code in enumerate(codes, 1):
        found = snapshot_folder(tmp_path / "work" / str(number))
        staged = {name for name in found if name.startswith(STAGING_FOLDER)}
        kept = {name: data for name, data in found.items() if name not in staged}
        assert kept == (before if code == REFUSED else new), number


def test_a_killed_program_leaves_nothing_that_the_next_build_keeps(tmp_path: Path) -> None:
    specs, out, clean = tmp_path / "specs", tmp_path / "out", tmp_path / "clean"
    write_specs(specs)
    assert run_slo_rules("build", specs, "-o", clean).exit_code == 0
    chance = random.Random(0)
    for number in range(KILLS):
        (specs / "shop.yaml").rename(specs / "shop.off")  # each build makes other files
        assert run_slo_rules("build", specs, "-o", out).exit_code == 0
        (specs / "shop.off").rename(specs / "shop.yaml")
        command = [*PROGRAM, str(specs), "-o", str(out)]
        manifest = (out / MANIFEST).read_bytes()
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                is_staging = number % 2 == 0 and (out / STAGING_FOLDER).exists()
                if is_staging or (out / MANIFEST).read_bytes() != manifest:
                    time.sleep(chance.uniform(0, 0.1 if is_staging else 0.01))
                    process.kill()
                    break
        assert process.returncode in (0, -signal.SIGKILL)
        assert run_slo_rules("build", specs, "-o", out).exit_code == 0
        assert snapshot_folder(out) == snapshot_folder(clean)


def lock_folder(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_a_build_waits_for_another_one_in_the_same_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = lock_folder(folder)
    waits: list[float] = []

    def end_other_build(seconds: float) -> None:
        waits.append(seconds)
        os.close(descriptor)

    monkeypatch.setattr(time, "sleep", end_other_build)
    write_folder(NEW, folder)
    assert len(waits) == 1
    assert not compare_folder(NEW, folder)


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: write_folder(NEW, folder),
        lambda folder: write_file(NEW[0], folder / "one.yaml"),
    ],
)
def test_a_build_that_waits_in_vain_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], object]
) -> None:
    monkeypatch.setattr(transaction, "_LOCK_TIMEOUT", 0.0)
    descriptor, before = lock_folder(folder), snapshot_folder(folder)
    with pytest.raises(CannotWriteError, match=f"another build has been writing to {folder} for"):
        write(folder)
    assert snapshot_folder(folder) == before
    os.close(descriptor)


def test_builds_side_by_side_leave_the_files_of_one_of_them(tmp_path: Path) -> None:
    specs, out = tmp_path / "specs", tmp_path / "out"
    write_specs(specs)
    inputs = [specs / "shop.yaml", specs / "team"]
    clean = []
    for number, path in enumerate(inputs):
        run_slo_rules("build", path, "-o", tmp_path / f"clean-{number}")
        clean.append(snapshot_folder(tmp_path / f"clean-{number}"))
    processes = [
        subprocess.Popen([*PROGRAM, str(path), "-o", str(out)], cwd=ROOT, stderr=subprocess.DEVNULL)
        for path in inputs
    ]
    assert [process.wait() for process in processes] == [0, 0]
    assert snapshot_folder(out) in clean


def test_modes_and_owners_of_files_stay(folder: Path) -> None:
    file = folder / "a" / "one.yaml"
    file.chmod(0o640)
    owner = (12345, 23456) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(file, *owner)
    write_folder(NEW, folder)
    found = file.stat()
    assert file.read_text() == NEW[0].text
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o640, *owner)


def test_an_owner_that_cannot_be_kept_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    owner = os.geteuid() + 1, os.getegid()
    if os.geteuid() == 0:
        os.chown(folder / "a" / "one.yaml", *owner)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner[0])
    monkeypatch.setattr(os, "chown", refuse)
    before = snapshot_folder(folder)
    with pytest.raises(CannotWriteError, match=r"cannot keep the owner of .*one\.yaml"):
        write_folder(NEW, folder)
    assert snapshot_folder(folder) == before


@pytest.mark.parametrize("inside", [True, False])
def test_a_folder_that_is_a_link_is_not_followed(
    folder: Path, tmp_path: Path, *, inside: bool
) -> None:
    target = (folder if inside else tmp_path) / "elsewhere"
    (folder / "a").rename(target)
    (folder / "a").symlink_to(target)
    before = snapshot_folder(tmp_path)
    for work in (compare_folder, write_folder):
        with pytest.raises(CannotWriteError, match=f"{folder / 'a'} is a symbolic link, which"):
            work(NEW, folder)
    assert snapshot_folder(tmp_path) == before
    assert write_folder([build_artifact("z.yaml")], folder).removed == ("b/three.yaml",)
    assert (target / "one.yaml").exists(), "nothing is removed through a link"


def test_the_folder_of_a_build_may_itself_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    write_folder(NEW, tmp_path / "link")
    assert not compare_folder(NEW, folder)


def test_a_full_disk_is_told_with_the_file(tmp_path: Path) -> None:
    """A limit of the size of files stands for it."""
    specs, out = tmp_path / "specs", tmp_path / "out"
    write_specs(specs)
    limit_size = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100, 100))
    done = subprocess.run(
        [*PROGRAM, str(specs), "-o", str(out)],
        cwd=ROOT, capture_output=True, check=False, text=True, preexec_fn=limit_size,
    )  # fmt: skip
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert re.fullmatch(rf"error: cannot write {out}/[a-z/]+\.ya?ml: File too large", message)
    assert not out.exists()
