"""Probes of other distributions: entry points, and the scripts about them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.probes import load_installed_probes, load_probe_modules

OURS = {"availability", "burst", "leak", "remediation", "resolved", "security", "sustained"}
MODULE = """\
from exporter.probes.availability import CRITERIA, Settings, build_probes, list_label_pairs
"""


@pytest.fixture(autouse=True)
def _clear_plugin_caches() -> Iterator[None]:
    for found in (load_probe_modules, load_installed_probes):
        found.cache_clear()
    yield
    for found in (load_probe_modules, load_installed_probes):
        found.cache_clear()
    sys.modules.pop("easy_probe", None)


@pytest.mark.parametrize("name", ["easy", "remediation"])
def test_a_plugin_stands_beside_ours_and_replaces_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    info = tmp_path / "easy_probe-1.0.dist-info"
    info.mkdir()
    (tmp_path / "easy_probe.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: easy-probe\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[slo_probe.probes]\n{name} = easy_probe\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert set(load_probe_modules()) == OURS | {name}
    assert vars(load_probe_modules()["remediation"])["__name__"] == "exporter.probes.remediation"
