"""Probes of other distributions: found by their entry point, configured like ours."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.probes import of_others, probe_modules
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
_BASE = (
    "target: {url: http://127.0.0.1:9/}\n"
    "canary: {listen: 127.0.0.1:0}\n"
    "web: {listen: 127.0.0.1:0}\n"
    "journal: {path: journal.sqlite}\n"
)
OURS = {"availability", "burst", "leak", "remediation", "resolved", "security", "sustained"}


def install(folder: Path, *entries: str, module: str = MODULE) -> Path:
    """What an installer leaves behind: a module and its metadata."""
    info = folder / "easy_probe-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "easy_probe.py").write_text(module)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: easy-probe\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(["[slo_probe.probes]", *entries, ""]))
    return folder


@pytest.fixture(autouse=True)
def _looked_up_anew() -> Iterator[None]:
    for found in (probe_modules, of_others):
        found.cache_clear()
    yield
    for found in (probe_modules, of_others):
        found.cache_clear()
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


def test_a_plugin_stands_beside_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, "easy = easy_probe"))
    assert set(probe_modules()) == OURS | {"easy"}


def test_a_plugin_replaces_none_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(install(tmp_path, "remediation = easy_probe"))
    assert probe_modules()["remediation"].__name__ == "exporter.probes.remediation"  # type: ignore[attr-defined]


def test_it_is_configured_checked_and_run_like_ours(tmp_path: Path) -> None:
    folder = install(tmp_path / "site", "easy = easy_probe")
    file = tmp_path / "probe.yaml"
    file.write_text(f"{_BASE}probes: {{easy: {{how_often: 2}}}}\n")
    done = program(folder, "once", "--config", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["success.health: passed"] * 2
    file.write_text(f"{_BASE}probes: {{easy: {{how_often: 4}}}}\n")
    wrong = program(folder, "check", "--config", str(file))
    assert wrong.returncode == 1
    assert "probes.easy.how_often: too often" in wrong.stderr


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("raise RuntimeError('out\\nof order')", "cannot be imported: RuntimeError: out of order"),
        ("import no_such_module", "cannot be imported: ModuleNotFoundError"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("", "it has no Settings and no CRITERIA and no lines and no probes"),
        (MODULE.replace("(Rhythm)", ""), "its Settings are no exporter.rhythm.Rhythm"),
    ],
    ids=["raises", "lacks_a_library", "exits", "empty", "no_rhythm"],
)
def test_an_unusable_plugin_is_refused(tmp_path: Path, module: str, why: str) -> None:
    folder = install(tmp_path / "site", "easy = easy_probe", module=module)
    file = tmp_path / "probe.yaml"
    file.write_text(f"{_BASE}probes: {{availability: {{}}}}\n")
    assert program(folder, "check", "--config", str(file)).returncode == 0
    file.write_text(f"{_BASE}probes:\n  availability: {{}}\n  easy: {{}}\n")
    wrong = program(folder, "check", "--config", str(file))
    assert wrong.returncode == 1
    assert wrong.stderr.startswith(f"{file}:7:3: error: probes.easy: this plug-in cannot be used: ")
    assert why in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("return ()\n", "raise RuntimeError('broke')\n"),
        ("if self.how_often > 3", "raise RuntimeError('broke')\n        if 1"),
    ],
    ids=["lines", "findings"],
)
def test_a_plugin_breaks_while_read(tmp_path: Path, now: str, then: str) -> None:
    folder = install(tmp_path / "site", "easy = easy_probe", module=MODULE.replace(now, then))
    file = tmp_path / "probe.yaml"
    file.write_text(f"{_BASE}probes:\n  easy: {{}}\n")
    wrong = program(folder, "check", "--config", str(file))
    assert wrong.returncode == 1
    assert wrong.stderr == (
        f"{file}:6:3: error: probes.easy broke: RuntimeError: broke\n    hint: mend the plug-in\n"
    )


@pytest.mark.parametrize(
    ("now", "then", "told"),
    [
        ("return [Easy(settings)]", "raise RuntimeError('broke')", "RuntimeError: broke"),
        ("return [Easy(settings)]", "return [Easy(settings)] * 2", "another probe with key easy"),
        ("return Outcome", "raise RuntimeError('broke')  #", "easy broke: RuntimeError: broke"),
        ("return Outcome", "return None  #", "easy broke: AttributeError"),
    ],
    ids=["made", "key_of_another", "asked", "gives_nothing"],
)
def test_a_breaking_plugin_fails_once(tmp_path: Path, now: str, then: str, told: str) -> None:
    folder = install(tmp_path / "site", "easy = easy_probe", module=MODULE.replace(now, then))
    file = tmp_path / "probe.yaml"
    file.write_text(f"{_BASE}probes: {{easy: {{}}}}\n")
    done = program(folder, "once", "--config", str(file))
    assert done.returncode == 1
    assert told in (done.stderr + done.stdout).splitlines()[-1]
