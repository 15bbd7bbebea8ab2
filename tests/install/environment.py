"""Environments that have the wheel, and the dependencies of some of its extras, without a network.

The dependencies are links to those of the environment that runs the tests.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGES = ("exporter", "generator", "slos")
SOURCES = (
    *PACKAGES, ".ci", "CHANGELOG.md", "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml",
    "slo_monitor.py",
)  # fmt: skip
_SITE = Path(str(distribution("pytest").locate_file("")))


def build_release(folder: Path, *, umask: int = 0o022) -> tuple[Path, Path]:
    """Build the sdist and the wheel of the working tree."""
    source = folder / "source"
    copy_sources(source)
    commit_files(source)
    subprocess.run(
        [sys.executable, source / ".ci/dist", folder / "dist"],
        umask=umask, check=True, timeout=120, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    (wheel,) = (folder / "dist").glob("*.whl")
    return sdist, wheel


def copy_sources(folder: Path) -> None:
    """Copy what a release is built of."""
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder)


def commit_files(folder: Path, tag: str | None = None) -> None:
    """Commit all files of a folder at a fixed time."""
    date = "2026-01-02T03:04:05Z"
    identity = {f"GIT_{role}_{key}": "nobody" for role in ("AUTHOR", "COMMITTER")
                for key in ("NAME", "EMAIL")}  # fmt: skip
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        **identity,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    commands = [["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=all"]]
    for command in [*commands, *([["tag", tag]] if tag else [])]:
        subprocess.run(["git", *command], cwd=folder, env=environment, check=True)


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment with the wheel.

    Attributes:
        root: its folder.
        distributions: the dependencies that are installed.
    """

    root: Path
    distributions: dict[str, Distribution]

    @property
    def site(self) -> Path:
        (site,) = self.root.glob("lib/python*/site-packages")
        return site

    def run(
        self, program: str, *arguments: str | Path, folder: Path, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs in a folder, with these variables and no others."""
        return subprocess.run(
            [self.root / "bin" / program, *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def create_environment(folder: Path, wheel: Path) -> Environment:
    """Install a wheel and its dependencies, without those of its extras."""
    root = folder / "environment"
    created = [sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update", str(root)]
    variables = {**os.environ, "VIRTUALENV_OVERRIDE_APP_DATA": str(folder / "app-data")}
    subprocess.run(created, check=True, timeout=120, env=variables)
    found = Environment(root, dict(list_dependencies(wheel)))
    link_packages(found.distributions.values(), found.site)
    options = ["--disable-pip-version-check", "--no-compile", "--no-deps", "--no-index", "--quiet"]
    done = found.run("pip", "install", *options, wheel, folder=folder)
    assert done.returncode == 0, done.stderr
    return found


def link_packages(distributions: Iterable[Distribution], folder: Path) -> None:
    """Make the packages of distributions importable from a folder."""
    tops = {file.parts[0] for each in distributions for file in each.files or []}
    for name in tops - {"..", "__pycache__"}:
        (folder / name).symlink_to(_SITE / name)


def _read_requirements(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name)).get_all("Requires-Dist", [])


def list_dependencies(wheel: Path, *extras: str) -> Iterator[tuple[str, Distribution]]:
    """List the distributions that a wheel asks for with these extras, and what those ask for."""
    own, waiting, seen = _read_requirements(wheel), [("slo-monitor", extras)], set()
    while waiting:
        name, wanted = waiting.pop()
        for text in own if name == "slo-monitor" else distribution(name).requires or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": each}) for each in ("", *wanted)):
                continue
            following = (requirement.name, tuple(sorted(requirement.extras)))
            if following not in seen:
                seen.add(following)
                waiting.append(following)
                if requirement.name != "slo-monitor":
                    yield requirement.name, distribution(requirement.name)


def measure_size(files: Iterator[Path]) -> int:
    """Sum up the sizes of files."""
    return sum(file.stat().st_size for file in files if file.is_file())


def list_installed_files(found: Environment) -> Iterator[Path]:
    """List the files of the wheel and of its dependencies, those of pip not among them."""
    own = list(Distribution.discover(name="slo-monitor", path=[str(found.site)]))
    for each in (*found.distributions.values(), *own):
        yield from (Path(str(file.locate())) for file in each.files or [])
