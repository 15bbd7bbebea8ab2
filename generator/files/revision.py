"""Reader of the specs of a git revision."""

import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path


class RevisionError(Exception):
    """Error of reading a revision; the message says what to do."""


def export_revision(revision: str, paths: Sequence[Path], folder: Path) -> list[Path]:
    """Write files of a git revision below a folder, and return their paths there.

    Args:
        revision: a commit, branch or tag.
        paths: files and folders of the working tree; those that the revision lacks are left out.
        folder: an empty folder.

    Raises:
        RevisionError: git is missing, a path is not in the repository, or the revision is unknown.
    """
    top = Path(_run_git(Path(), "rev-parse", "--show-toplevel").rstrip("\n"))
    commit = _find_commit(top, revision)
    names = [_find_name(path, top) for path in paths]
    present = [
        name for name in names if _run_git(top, "ls-tree", "--name-only", commit, "--", name)
    ]
    if not present:
        return []
    # zipfile keeps members below the folder in every Python; tarfile does so from 3.11.4 on.
    archive = folder / "archive.zip"
    _run_git(top, "archive", "--format=zip", f"--output={archive}", commit, "--", *present)
    with zipfile.ZipFile(archive) as files:
        files.extractall(folder)
    return [folder / name for name in present]


def _find_name(path: Path, top: Path) -> str:
    """Name of a path below the top folder of the repository."""
    real, real_top = path.resolve(), top.resolve()
    if not real.is_relative_to(real_top):
        raise RevisionError(
            f"{path} is not in the git repository {top}; give a folder of specs as base"
        )
    return real.relative_to(real_top).as_posix()


def _find_commit(top: Path, revision: str) -> str:
    try:
        # A name that begins with a dash would be an option.
        found = _run_git(top, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except RevisionError as error:
        message = f"{revision!r} is neither a path nor a revision of the git repository {top}"
        raise RevisionError(message) from error
    return found.strip()


def _run_git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            ("git", *arguments),  # noqa: S607 - the user's git
            cwd=folder,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",
        )
    except FileNotFoundError as error:
        raise RevisionError("git is not installed; give a folder of specs as base") from error
    if done.returncode:
        reason = done.stderr.strip().splitlines()
        raise RevisionError(reason[-1] if reason else f"git {arguments[0]} failed")
    return done.stdout
