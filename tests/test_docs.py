"""Examples in the documentation: YAML is loaded, and output is compared."""

import re
from pathlib import Path, PurePosixPath

import pytest
import yaml

from exporter.config.loader import load_config
from generator.backtest.incidents import parse_incidents
from generator.clients.http_config import read_http_config
from generator.model import SpecFile
from generator.pipeline import BuildSettings, plan_build
from slos.schema import contract
from slos.schema.problem import filter_errors
from tests.docs_pages import PAGES, ROOT, DocBlock, list_anchors, list_blocks, list_indented_yaml

_YAML = list_blocks("yaml")


def get_kind(block: DocBlock) -> str:
    """Kind of a block, by its beginning."""
    starts = {
        "version: prometheus/v1": "spec",
        "target:": "configuration",
        # What Alertmanager reads is tried in tests/generator/test_alertmanager_docs.py.
        "templates:": "alertmanager",
        "alertmanager:": "alertmanager",
        "receivers:": "alertmanager",
        # Prometheus reads it in tests/newcomer.
        "global:": "prometheus",
        # The receivers of tests/e2e/test_backfill.py run with it.
        "storage:": "prometheus",
        # Those of docs/ci.md are run in tests/install/test_ci.py.
        "name: slos": "CI",
        "slo-rules:": "CI",
        "repos:": "CI",
        # Its gate is run in tests/e2e/test_status.py.
        "name: deploy": "CI",
        # Values of kube-prometheus-stack, in tests/generator/test_enforced_labels.py.
        "prometheus:": "values",
        "authorization:": "client",
        "incidents:": "incidents",
        "apiVersion: pyrra.dev": "foreign",
        "apiVersion: kustomize.toolkit.fluxcd.io": "foreign",
        "apiVersion: argoproj.io": "foreign",
    }
    found = (kind for start, kind in starts.items() if block.text.startswith(start))
    return next(found, "unknown")


def list_kind(kind: str) -> list[object]:
    return [pytest.param(each, id=each.id) for each in _YAML if get_kind(each) == kind]


def test_every_yaml_of_the_documentation_is_of_a_kind_that_is_tried_here() -> None:
    assert [each.id for each in _YAML if get_kind(each) == "unknown"] == []


@pytest.mark.parametrize("block", list_kind("client"))
def test_every_client_configuration_in_the_documentation_is_read(
    block: DocBlock, tmp_path: Path
) -> None:
    path = tmp_path / "http.yaml"
    path.write_text(block.text)
    assert read_http_config(path)[1] == []


@pytest.mark.parametrize("block", list_kind("spec"))
def test_every_spec_in_the_documentation_builds(block: DocBlock) -> None:
    source = SpecFile(block.id, PurePosixPath("page.yaml"), block.text.encode())
    planned = plan_build([source], BuildSettings())
    assert filter_errors(planned.problems) == []
    assert any(each.groups for each in planned.plans)


@pytest.mark.parametrize("block", list_kind("configuration"))
def test_every_configuration_of_the_prober_in_the_documentation_is_fine(
    block: DocBlock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAR_API_KEY", "lin_api_of_the_docs")
    (tmp_path / "slos").symlink_to(ROOT / "slos")
    (tmp_path / "slo-probe.yaml").write_text(block.text)
    loaded, problems = load_config(tmp_path / "slo-probe.yaml")
    assert not problems
    assert loaded


@pytest.mark.parametrize("block", list_kind("incidents"))
def test_every_file_of_incidents_in_the_documentation_is_fine(block: DocBlock) -> None:
    incidents, problems = parse_incidents(block.text.encode(), block.id)
    assert incidents
    assert not problems


@pytest.mark.parametrize("block", list_kind("foreign"))
def test_what_belongs_to_other_programs_is_yaml_at_least(block: DocBlock) -> None:
    assert yaml.safe_load(block.text)["kind"]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_link_between_pages_leads_to_a_page(page: Path) -> None:
    for target, _, anchor in re.findall(r"\]\(([^)#:]*)(#([^)]+))?\)", page.read_text()):
        place = page.parent / target if target else page
        assert place.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in list_anchors(place), (
            f"{page.name} links to {target}#{anchor}"
        )


def test_the_readme_leads_to_every_page_once() -> None:
    links = re.findall(r"\]\(([^)]+\.md)\)", (ROOT / "README.md").read_text())
    pages = [str(page.relative_to(ROOT)) for page in PAGES if page.parent == ROOT / "docs"]
    assert sorted(set(links) & set(pages)) == sorted(pages)
    assert len(links) == len(set(links))


def test_every_piece_of_a_spec_that_a_check_page_shows_is_taken() -> None:
    pieces = list_indented_yaml()
    assert {each.page.parent.name for each in pieces} == {"checks"}
    for each in pieces:
        document = {**yaml.safe_load(list_blocks("yaml")[0].text), **yaml.safe_load(each.text)}
        text = yaml.safe_dump(document).encode()
        planned = plan_build([SpecFile(each.id, PurePosixPath("page.yaml"), text)], BuildSettings())
        assert filter_errors(planned.problems) == []
        assert f"check: {each.page.stem}," in each.text


def test_addresses_of_the_prober_in_a_cluster_are_those_of_its_pages() -> None:
    found = [
        (page.name, address)
        for page in PAGES
        for address in re.findall(r"http://slo-probe\.prometheus\.svc[\w.:]*", page.read_text())
    ]
    assert found
    assert [each for each in found if not each[1].endswith(":9108")] == []


def test_the_page_about_the_prober_names_every_metric() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    names = {
        value.removeprefix(contract.PREFIX)
        for value in vars(contract).values()
        if isinstance(value, str) and value.startswith(contract.PREFIX) and value != contract.PREFIX
    }
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for page in PAGES
        for name in re.findall(r"(?:`|^ {4})make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert {"run", "test", "rules"} <= named
    assert named <= targets


def test_the_worked_example_of_the_concepts_adds_up() -> None:
    page = (ROOT / "docs" / "concepts.md").read_text()
    events = 30 * (12 * 60 * 1000 + 12 * 60 * 10)
    budget, errors_by_night, errors_by_day = events // 1000, 3 * 60 * 10, 3 * 60 * 1000
    slots, bad = 30 * 24 * 12, 3 * 12
    for figure in (
        f"{events:,} requests 0.1 %",
        f"{budget:,} requests",
        f"| {errors_by_night:,} | {events:,} | {errors_by_night / events:.6f} "
        f"| **{errors_by_night / budget:.0%}** |".replace("%", " %"),
        f"| {bad} slots | {slots:,} slots | {bad / slots:.6f} "
        f"| **{bad / slots * 1000:.0%}** |".replace("%", " %"),
        f"{errors_by_day:,} requests, {errors_by_day / budget:.0%} of".replace("%", " %"),
    ):
        assert figure in " ".join(page.split()), figure
