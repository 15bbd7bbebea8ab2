"""Probes of other distributions: found by their entry point, configured like ours."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.config import load
from exporter.probes import probe_modules
from tests.exporter.conftest import ROOT

MODULE = '''\
"""A probe that always passes."""

from pydantic import Field

from exporter.means import Outcome
from exporter.rhythm import Rhythm
from slos.schema.contract import Criterion

CRITERIA = frozenset({Criterion.HEALTH})


class Settings(Rhythm):
    """Its settings."""

    how_often: int = Field(default=1)
    """How often to say so. Default 1."""

    def findings(self, targets):
        if self.how_often > 3:
            yield "how_often", "too often", "say it three times"


def lines(settings):
    return ()


def probes(settings, means):
    return [Easy(settings)]


class Easy:
    key = "easy"

    def __init__(self, settings):
        self.rhythm = settings

    async def ask(self, turn):
        return Outcome(checks=((Criterion.HEALTH, True),) * self.rhythm.how_often)
'''
OURS = {"availability", "burst", "leak", "remediation", "resolved", "security", "sustained"}


def install(folder: Path, *entries: str) -> Path:
    """What an installer leaves behind: a module and its metadata."""
    info = folder / "easy_probe-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "easy_probe.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: easy-probe\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(["[slo_probe.probes]", *entries, ""]))
    return folder


@pytest.fixture(autouse=True)
def _looked_up_anew() -> Iterator[None]:
    probe_modules.cache_clear()
    yield
    probe_modules.cache_clear()
    sys.modules.pop("easy_probe", None)


def program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "exporter.cli", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


def test_a_probe_of_another_distribution_stands_beside_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, "easy = easy_probe"))
    assert set(probe_modules()) == OURS | {"easy"}


def test_it_cannot_take_the_place_of_one_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, "remediation = easy_probe"))
    assert probe_modules()["remediation"].__name__ == "exporter.probes.remediation"  # type: ignore[attr-defined]


def test_it_is_configured_checked_and_run_like_ours(tmp_path: Path) -> None:
    folder = install(tmp_path / "site", "easy = easy_probe")
    file = tmp_path / "probe.yaml"
    base = (
        "target: {url: http://127.0.0.1:9/}\n"
        "canary: {listen: 127.0.0.1:0}\n"
        "web: {listen: 127.0.0.1:0}\n"
        f"journal: {{path: {tmp_path / 'journal.sqlite'}}}\n"
    )
    file.write_text(f"{base}probes: {{easy: {{how_often: 2}}}}\n")
    done = program(folder, "once", "--config", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["success.health: passed"] * 2
    file.write_text(f"{base}probes: {{easy: {{how_often: 4}}}}\n")
    wrong = program(folder, "check", "--config", str(file))
    assert wrong.returncode == 1
    assert "probes.easy.how_often: too often" in wrong.stderr


def test_ours_need_no_settings_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    file.write_text(
        "target: {url: http://127.0.0.1:9/}\nprobes: {availability: {}, leak: {}, security: {}}\n"
    )
    loaded, problems = load(file)
    assert problems == []
    assert loaded is not None
    assert set(loaded.probes) == {"availability", "leak", "security"}


def test_settings_of_signals_limits_and_addresses_are_read(tmp_path: Path) -> None:
    file = tmp_path / "probe.yaml"
    file.write_text(
        "target: {url: http://127.0.0.1:9/}\n"
        "probes:\n"
        "  leak: {signals: {rss: process_resident_memory_bytes}, replica_label: instance}\n"
        "  security: {rate_limit: expected, decoy: '127.0.0.1:9000', credentials: [X-Key]}\n"
    )
    loaded, problems = load(file)
    assert problems == []
    assert loaded is not None
    file.write_text(
        "target: {url: http://127.0.0.1:9/}\n"
        "probes:\n"
        "  leak: {signals: {rrs: x}}\n"
        "  security: {rate_limit: sometimes}\n"
    )
    loaded, problems = load(file)
    assert loaded is None
    assert len(problems) == 2
