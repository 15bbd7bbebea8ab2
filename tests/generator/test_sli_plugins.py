"""SLI plugins in Python: found, called, and never a traceback."""

import importlib.metadata
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


def test_the_plugin_in_the_documentation_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "migrating-from-sloth.md").read_text()
    shown = page.partition("```python\n")[2].partition("```")[0]
    sli = {"plugin": {"id": "acme/availability", "options": {"job": "api"}}}
    (tmp_path / "p.py").write_text(shown)
    (tmp_path / "spec.yaml").write_bytes(as_yaml(spec(slo(sli=sli))))
    result = call("build", tmp_path / "spec.yaml", "-o", "-", "--plugins", tmp_path)
    assert result.exit_code == 0, result.output
    assert 'hits{job="api"}' in result.stdout
