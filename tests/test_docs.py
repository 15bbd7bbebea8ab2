"""What the documentation shows is true."""

import re
from pathlib import Path, PurePosixPath

import pytest

from exporter.config import load
from generator.pipeline import Settings, Source, plan
from slos.schema.problem import errors

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _specs() -> list[tuple[str, str]]:
    return [
        (f"{page.name}-{number}", text)
        for page in PAGES
        for number, text in enumerate(_BLOCK.findall(page.read_text()), 1)
        if text.startswith("version: prometheus/v1")
    ]


@pytest.mark.parametrize(("name", "text"), _specs(), ids=lambda value: value[:30])
def test_every_spec_in_the_documentation_builds(name: str, text: str) -> None:
    source = Source(name, PurePosixPath(name).with_suffix(".yaml"), text.encode())
    planned = plan([source], Settings())
    assert errors(planned.problems) == []
    assert any(each.groups for each in planned.plans)


def _configurations() -> list[str]:
    return [
        text
        for page in PAGES
        for text in _BLOCK.findall(page.read_text())
        if text.startswith("target:")
    ]


@pytest.mark.parametrize("text", _configurations())
def test_every_configuration_of_the_prober_in_the_documentation_is_fine(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAR_API_KEY", "lin_api_of_the_docs")
    (tmp_path / "slos").symlink_to(ROOT / "slos")
    (tmp_path / "slo-probe.yaml").write_text(text)
    loaded, problems = load(tmp_path / "slo-probe.yaml")
    assert not problems
    assert loaded


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_between_pages_leads_to_a_page(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_make_target_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake\s([a-z-]+)", (ROOT / "README.md").read_text())) - {"and"}
    assert named
    assert named <= targets
