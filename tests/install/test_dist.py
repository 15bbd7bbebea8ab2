"""`make dist`: the same bytes each time, and a version that the tag and the changelog share."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.install.environment import ROOT, build_release, commit_files

UNRELEASED = "# Changelog\n\n## [Unreleased]\n"
RELEASED = f"{UNRELEASED}\n## [0.2.0] - 2026-02-01\n\n- A\n\n## [0.1.0] - 2026-01-01\n"


def check_release(folder: Path, version: str, changelog: str, tag: str | None = None) -> list[str]:
    """Run the checks on a project; return the problems."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/dist", folder / ".ci")
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(changelog)
    commit_files(folder, tag)
    done = subprocess.run(
        [sys.executable, folder / ".ci/dist", "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    problems = done.stderr.splitlines()
    assert done.returncode == bool(problems)
    return [problem.removeprefix("dist: ") for problem in problems]


def test_two_builds_have_the_same_bytes(release: tuple[Path, Path], tmp_path: Path) -> None:
    again = build_release(tmp_path, umask=0o077)
    assert [path.name for path in again] == [path.name for path in release]
    for first, second in zip(release, again, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_an_sdist_has_the_changelog_and_no_trace_of_who_built_it(
    release: tuple[Path, Path],
) -> None:
    with tarfile.open(release[0]) as archive:
        members = archive.getmembers()
    assert {f"{members[0].name}/{name}" for name in ("CHANGELOG.md", "LICENSE")} <= {
        each.name for each in members
    }
    assert {(each.uid, each.gid, each.uname, each.gname) for each in members} == {(0, 0, "", "")}
    assert len({each.mtime for each in members}) == 1


@pytest.mark.parametrize(
    ("version", "changelog", "tag"),
    [
        ("0.1.0", UNRELEASED, None),
        ("0.2.0", RELEASED, None),
        ("0.3.0", RELEASED, None),
        ("0.2.0", RELEASED, "v0.2.0"),
        ("0.2.0", RELEASED, "nightly"),
    ],
)
def test_a_version_in_development_and_a_release_are_fine(
    version: str, changelog: str, tag: str | None, tmp_path: Path
) -> None:
    assert check_release(tmp_path, version, changelog, tag) == []


@pytest.mark.parametrize(
    ("version", "changelog", "tag", "problem"),
    [
        (
            "0.2.0",
            RELEASED,
            "v0.2.1",
            "the tag v0.2.1 is not v0.2.0, the version in pyproject.toml",
        ),
        ("0.3.0", RELEASED, "v0.3.0", "CHANGELOG.md: no section ## [0.3.0] - YYYY-MM-DD"),
        (
            "0.2.0",
            RELEASED.replace("ed]\n", "ed]\n\n- B\n", 1),
            "v0.2.0",
            "CHANGELOG.md: move the entries of [Unreleased] to the section of 0.2.0",
        ),
        (
            "0.1.0",
            RELEASED,
            None,
            "pyproject.toml: the version 0.1.0 is older than 0.2.0 of CHANGELOG.md",
        ),
        (
            "0.2.0",
            RELEASED.replace("## [Unreleased]\n", ""),
            None,
            "CHANGELOG.md: the first section must be ## [Unreleased]",
        ),
        (
            "0.2.0",
            RELEASED.replace("2026-02-01", "2026-02-31"),
            None,
            "CHANGELOG.md: ## [0.2.0] - 2026-02-31: must be ## [VERSION] - YYYY-MM-DD",
        ),
        (
            "0.3.0",
            RELEASED.replace("[0.1.0]", "[0.10.0]"),
            None,
            "CHANGELOG.md: versions must be unique, the newest first",
        ),
        (
            "0.3",
            RELEASED,
            None,
            "pyproject.toml: the version 0.3 must be three numbers, such as 1.2.3",
        ),
    ],
)
def test_each_way_in_which_they_disagree_is_said(
    version: str, changelog: str, tag: str | None, problem: str, tmp_path: Path
) -> None:
    assert check_release(tmp_path, version, changelog, tag) == [problem]


def test_nothing_is_built_of_a_release_that_is_not_one(tmp_path: Path) -> None:
    assert check_release(tmp_path, "0.2.0", RELEASED, "v0.2.1")
    done = subprocess.run([sys.executable, tmp_path / ".ci/dist", tmp_path / "dist"], check=False)
    assert done.returncode == 1
    assert not (tmp_path / "dist").exists()
