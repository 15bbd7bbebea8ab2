"""SLI plugins in Python: found, called, and never a traceback."""

import importlib.metadata
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from click.testing import Result

from tests.generator.command_line import call
from tests.schema.specs import as_yaml, slo, spec

GOOD = """
SLI_PLUGIN_ID = "acme"

def sli_plugin(meta, labels, options):
    text = f"{sorted(meta.items())} {sorted(labels.items())} {sorted(options.items())}"
    return "sum(rate(a[{{.window}}])) / sum(rate(b[{{.window}}])) # " + text
"""


def document() -> bytes:
    sli = {"plugin": {"id": "acme", "options": {"job": "api", "n": 1}}}
    return as_yaml(spec(slo(sli=sli, labels={"own": "x"}), labels={"owner": "me"}))


def built(folder: Path, plugin: str, *arguments: str) -> Result:
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins" / "acme.py").write_text(plugin)
    (folder / "spec.yaml").write_bytes(document())
    plugins = ["--plugins", str(folder / "plugins")]
    return call("build", folder / "spec.yaml", "-o", "-", *plugins, *arguments)


@pytest.mark.parametrize("profile", ["exact", "sloth"])
def test_a_plugin_gets_what_it_gets_in_sloth(tmp_path: Path, profile: str) -> None:
    result = built(tmp_path, GOOD, "--profile", profile)
    assert result.exit_code == 0, result.output
    text = str(yaml.safe_load(result.stdout))
    assert "('objective', '99.900000'), ('service', 'shop'), ('slo', 'requests')" in text
    assert "[('owner', 'me')]" in text
    assert "[('job', 'api'), ('n', '1')]" in text


@pytest.mark.parametrize(
    ("plugin", "said", "line"),
    [
        (GOOD.replace("return", "raise ValueError('job is odd');"), "ValueError: job is odd", 6),
        (GOOD.replace("return", "1 / 0;"), "ZeroDivisionError", 6),
        (GOOD.replace("return", "return None;"), "for the SLO 'requests'", 0),
        (GOOD.replace("return", "return 'up';"), "no {{.window}}", 0),
        (GOOD.replace("return", "return 'sum([{{.window}}';"), "not PromQL", 0),
        (GOOD.replace("(meta, ", "("), "TypeError", 0),
        (GOOD.replace("def", "de"), "SyntaxError", 4),
        ("raise RuntimeError\n", "RuntimeError: no reason given", 1),
        (GOOD.replace("def sli_plugin", "def other"), "half a plugin", 0),
    ],
)
def test_what_goes_wrong_in_a_plugin_is_a_problem_of_its_file(
    tmp_path: Path, plugin: str, said: str, line: int
) -> None:
    result = built(tmp_path, plugin)
    assert result.exit_code == 1
    assert said in result.stderr
    place = f"acme.py:{line}:" if line else "acme.py: "
    assert place in result.stderr


def test_a_plugin_that_is_not_there_is_a_problem_of_the_spec(tmp_path: Path) -> None:
    result = built(tmp_path, "# nothing here\n")
    assert result.exit_code == 1
    assert "spec.yaml:" in result.stderr
    assert "Go" in result.stderr
    assert "--plugins" in result.stderr


def test_an_id_may_be_taken_once(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "again.py").write_text(GOOD)
    result = built(tmp_path, GOOD)
    assert result.exit_code == 1
    assert "is taken" in result.stderr


@pytest.mark.parametrize("as_module", [True, False])
def test_installed_packages_offer_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, as_module: bool
) -> None:
    module = ModuleType("acme_plugin")
    exec(GOOD, module.__dict__)  # noqa: S102 - our own text, above
    offered = module if as_module else module.__dict__["sli_plugin"]
    monkeypatch.setattr(importlib.metadata.EntryPoint, "load", lambda _: offered)
    entry = importlib.metadata.EntryPoint("acme", "acme_plugin", "slo_rules.sli_plugins")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: (entry,))
    (tmp_path / "spec.yaml").write_bytes(document())
    assert call("build", tmp_path / "spec.yaml", "-o", "-").exit_code == 0


@pytest.mark.parametrize(
    "place", ["import sys; sys.exit(0)\n" + GOOD, GOOD.replace("text =", "exit(0);")]
)
def test_a_plugin_that_ends_the_program_is_a_problem(tmp_path: Path, place: str) -> None:
    result = built(tmp_path, place)
    assert result.exit_code == 1
    assert "acme.py:" in result.stderr
    assert "sys.exit()" in result.stderr


def test_a_plugin_is_a_module_like_any_other(tmp_path: Path) -> None:
    head = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from typing import ClassVar\n\n@dataclass\nclass Job:\n    name: str\n"
        "    kind: ClassVar[str] = 'x'\n"
    )
    result = built(tmp_path, head + GOOD)
    assert result.exit_code == 0, result.stderr


def test_plugins_import_the_files_beside_them_and_names_do_not_mix(tmp_path: Path) -> None:
    for name in ("acme", "other"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "common_parts.py").write_text(f"METRIC = {name!r}\n")
        (folder / "plugin.py").write_text(
            f"import common_parts\nSLI_PLUGIN_ID = {name!r}\nMETRIC = common_parts.METRIC\n\n"
            "def sli_plugin(meta, labels, options):\n"
            "    return 'rate(' + METRIC + '[{{.window}}])'\n"
        )
    slis = [{"plugin": {"id": name}} for name in ("acme", "other")]
    document = spec(slo(sli=slis[0]), slo(name="two", sli=slis[1], alerting={"name": "B"}))
    (tmp_path / "spec.yaml").write_bytes(as_yaml(document))
    plugins: list[str | Path] = ["--plugins", tmp_path / "acme", "--plugins", tmp_path / "other"]
    path = list(sys.path)
    result = call("build", tmp_path / "spec.yaml", "-o", "-", "--profile", "sloth", *plugins)
    assert result.exit_code == 0, result.stderr
    assert "rate(acme[5m])" in result.stdout
    assert "rate(other[5m])" in result.stdout
    assert sys.path == path
    assert "common_parts" not in sys.modules


def test_what_a_plugin_prints_is_no_part_of_the_rules(tmp_path: Path) -> None:
    talking = "print('loaded')\n" + GOOD.replace("text =", "print('called'); text =")
    result = built(tmp_path, talking)
    assert result.exit_code == 0
    assert yaml.safe_load(result.stdout)["groups"]
    for said in ("loaded", "called"):
        assert said not in result.stdout
        assert said in result.stderr


def test_the_plugin_in_the_documentation_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "migrating-from-sloth.md").read_text()
    shown = page.partition("```python\n")[2].partition("```")[0]
    sli = {"plugin": {"id": "acme/availability", "options": {"job": "api"}}}
    (tmp_path / "p.py").write_text(shown)
    (tmp_path / "spec.yaml").write_bytes(as_yaml(spec(slo(sli=sli))))
    result = call("build", tmp_path / "spec.yaml", "-o", "-", "--plugins", tmp_path)
    assert result.exit_code == 0, result.output
    assert 'hits{job="api"}' in result.stdout
