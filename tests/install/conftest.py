"""A release that is built once, and an environment with it, shared by the workers of a run."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.install.environment import (
    Environment,
    build_release,
    create_environment,
    link_packages,
    list_dependencies,
)

Make = Callable[[Path], object]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str, Make], Path]:
    """Return a function that makes a folder once, in whichever worker comes first."""
    base = tmp_path_factory.getbasetemp()
    root = base if worker_id == "master" else base.parent

    def share(name: str, make: Make) -> Path:
        folder = root / f"install-{name}"
        with (root / f"install-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "made").exists():
                folder.mkdir()
                make(folder)
                (folder / "made").touch()
        return folder

    return share


@pytest.fixture(scope="session")
def release(shared: Callable[[str, Make], Path]) -> tuple[Path, Path]:
    folder = shared("release", build_release) / "dist"
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="session")
def wheel(release: tuple[Path, Path]) -> Path:
    return release[1]


@pytest.fixture(scope="session")
def base(shared: Callable[[str, Make], Path], wheel: Path) -> Environment:
    folder = shared("base", lambda folder: create_environment(folder, wheel))
    return Environment(folder / "environment", dict(list_dependencies(wheel)))


@pytest.fixture(scope="session")
def extras(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> str:
    """A folder for PYTHONPATH with what the extras grafana and probe install."""
    folder = tmp_path_factory.mktemp("extras")
    link_packages(dict(list_dependencies(wheel, "grafana", "probe")).values(), folder)
    return str(folder)
