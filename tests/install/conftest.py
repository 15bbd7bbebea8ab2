"""A release that is built once, and environments with it."""

from pathlib import Path

import pytest

from tests.install.environment import (
    Environment,
    build_release,
    create_environment,
    link_packages,
    list_dependencies,
)


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="session")
def wheel(release: tuple[Path, Path]) -> Path:
    return release[1]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    return create_environment(tmp_path_factory.mktemp("base"), wheel)


@pytest.fixture(scope="session")
def extras(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> str:
    """A folder for PYTHONPATH with what the extras grafana and probe install."""
    folder = tmp_path_factory.mktemp("extras")
    link_packages(dict(list_dependencies(wheel, "grafana", "probe")).values(), folder)
    return str(folder)
