"""SLI plugins of installed packages and folders."""

import importlib.metadata
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from generator.files.plugins import read_sli_plugins
from tests.generator.command_line import run_slo_rules
from tests.schema.specs import build_slo, build_spec, dump_yaml

PLUGIN = """
SLI_PLUGIN_ID = "acme"

def sli_plugin(meta, labels, options):
    return "sum(rate(a[{{.window}}])) / sum(rate(b[{{.window}}]))"
"""


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_bytes(dump_yaml(build_spec(build_slo(sli={"plugin": {"id": "acme"}}))))
    return path


@pytest.mark.parametrize("as_module", [True, False])
def test_installed_packages_offer_plugins(
    spec_file: Path, monkeypatch: pytest.MonkeyPatch, *, as_module: bool
) -> None:
    module = ModuleType("acme_plugin")
    exec(PLUGIN, module.__dict__)  # noqa: S102 - our own text, above
    offered = module if as_module else module.__dict__["sli_plugin"]
    monkeypatch.setattr(importlib.metadata.EntryPoint, "load", lambda _: offered)
    entry = importlib.metadata.EntryPoint("acme", "acme_plugin", "slo_rules.sli_plugins")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: (entry,))
    assert run_slo_rules("build", spec_file, "-o", "-").exit_code == 0


def test_files_beside_a_plugin_are_imported_for_it_alone(spec_file: Path, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "acme.py").write_text(f"import common_parts\n{PLUGIN}")
    (tmp_path / "plugins" / "common_parts.py").write_text("")
    path = list(sys.path)
    assert (
        run_slo_rules("build", spec_file, "-o", "-", "--plugins", tmp_path / "plugins").exit_code
        == 0
    )
    assert sys.path == path
    assert "common_parts" not in sys.modules


def test_an_edited_plugin_of_the_same_size_and_time_is_read_again(tmp_path: Path) -> None:
    plugin = tmp_path / "acme.py"
    for text in ("one", "two"):
        plugin.write_text(
            f"SLI_PLUGIN_ID = 'acme'\ndef sli_plugin(meta, labels, options):\n    return '{text}'\n"
        )
        os.utime(plugin, (1_700_000_000, 1_700_000_000))
        plugins, problems = read_sli_plugins((tmp_path,))
        assert (plugins["acme"].write({}, {}, {}), problems) == (text, [])
    assert [path.name for path in tmp_path.iterdir()] == ["acme.py"]
