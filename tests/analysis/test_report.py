"""The report: complete, self-contained, escaped, and the same in all formats."""

import copy
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from markupsafe import Markup

from exporter.loadtest.result_file import ResultFileError, write_result_file
from exporter.report.charts import Axis, Line, draw_chart
from exporter.report.content import build_report
from exporter.report.criteria import RequirementStatus
from exporter.report.writer import render_html, render_markdown, write_report
from tests.analysis.plants import read_documents
from tests.exporter.slo_probe import ROOT

RECORDINGS = Path(__file__).parent / "recordings"
FORMATS = ("report.html", "report.json", "report.md")


@pytest.fixture(name="documents")
def read_healthy() -> list[dict[str, Any]]:
    return read_documents(RECORDINGS / "healthy-1.json.gz")


def test_the_report_is_written_in_all_formats(
    documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    for document in documents:
        write_result_file(tmp_path, document)
    write_report(tmp_path)
    assert all((tmp_path / name).stat().st_size > 1000 for name in FORMATS)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["findings"] == []
    assert [each["scenario"] for each in report["history"]].count("baseline") == 1


def test_the_page_loads_nothing_and_has_no_script(documents: list[dict[str, Any]]) -> None:
    page = render_html(build_report(documents))
    assert "<script" not in page
    assert not re.search(r"""(src|href)=["'](?!#)""", page)
    assert page.count("<svg") >= 20
    anchors = re.findall(r'href="#([^"]+)"', page)
    assert anchors
    assert all(f'id="{anchor}"' in page for anchor in anchors)


def test_texts_of_a_run_are_escaped(documents: list[dict[str, Any]]) -> None:
    changed = copy.deepcopy(documents)
    changed[0]["notes"].append("<script>alert(1)</script> | *bold*")
    changed[0]["processes"][0]["replica"] = "<img src=x>"
    report = build_report(changed)
    page, text = render_html(report), render_markdown(report)
    assert "<script>" not in page
    assert "<img" not in page
    assert "\\<script>alert(1)\\</script> \\| \\*bold\\*" in text


def test_markdown_has_every_table_of_the_page(documents: list[dict[str, Any]]) -> None:
    report = build_report(documents)
    rows = sum(len(table.rows) + 1 for section in report.sections for table in section.tables)
    assert render_html(report).count("<tr>") == rows
    text = render_markdown(report).splitlines()
    assert sum(line.startswith("| ") and not line.startswith("| ---") for line in text) == rows


def test_every_requirement_is_one_of_val_008(documents: list[dict[str, Any]]) -> None:
    spec = yaml.safe_load((ROOT / "slos/val-008.yaml").read_text())
    says = {each["id"]: each["says"] for each in spec["requirements"]}
    judged = {each.id: each.says for each in build_report(documents).judgements}
    assert judged.items() <= says.items()
    criteria = {id_ for id_ in says if re.match(r"AC\d\.|success\.", id_)}
    assert criteria - judged.keys() == {"success.resources"}


def test_nothing_is_met_without_a_run_that_shows_it() -> None:
    assert {each.status for each in build_report([]).judgements} == {
        RequirementStatus.NOT_MEASURABLE
    }


def test_an_invalid_run_proves_nothing(documents: list[dict[str, Any]]) -> None:
    changed = copy.deepcopy(documents)
    for document in changed:
        document["verdict"] = "invalid"
        document["invalid"] = [{"name": "send_lag", "value": 1, "limit": 0, "text": "sent late"}]
    judged = {each.id: each for each in build_report(changed).judgements}
    end_to_end = judged["AC1.end_to_end"]
    assert end_to_end.status is RequirementStatus.NOT_MEASURABLE
    assert end_to_end.evidence == "baseline is invalid: sent late"


def test_a_missed_target_is_missed_with_its_number(documents: list[dict[str, Any]]) -> None:
    changed = copy.deepcopy(documents)
    for measure in changed[0]["measures"]:
        if measure["name"] == "end_to_end":
            measure |= {"value": 61.5, "met": False}
    judged = {each.id: each for each in build_report(changed).judgements}
    assert judged["AC1.end_to_end"].status is RequirementStatus.MISSED
    assert "61.5" in judged["AC1.end_to_end"].evidence
    assert judged["done.targets"].status is RequirementStatus.MISSED


def test_a_target_whose_value_was_not_observed_is_neither_met_nor_missed(
    documents: list[dict[str, Any]],
) -> None:
    """All latencies are only met where each of them was measured; so it is for the rates."""
    judged = {each.id: each for each in build_report(documents).judgements}
    latency = judged["success.latency"]
    assert latency.status is RequirementStatus.NOT_MEASURABLE
    assert latency.evidence.startswith("baseline did not measure verification; baseline: ")
    changed = copy.deepcopy(documents)
    for measure in changed[0]["measures"]:
        if measure["name"] == "linear_issue_creation":
            measure |= {"value": None, "met": False}
    judged = {each.id: each for each in build_report(changed).judgements}
    issues = judged["AC1.linear_issue_creation"]
    assert issues.status is RequirementStatus.NOT_MEASURABLE
    assert issues.evidence == "baseline did not measure linear_issue_creation"


def test_without_a_valid_run_no_bottleneck_was_looked_for(
    documents: list[dict[str, Any]],
) -> None:
    for document in documents:
        document["verdict"] = "invalid"
    judged = {each.id: each for each in build_report(documents).judgements}
    for id_ in ("AC6.identified", "AC6.opportunities", "AC6.plan", "AC3.cpu"):
        assert judged[id_].status is RequirementStatus.NOT_MEASURABLE, id_


def test_later_runs_are_compared_with_those_before(
    documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    write_result_file(tmp_path, documents[0])
    write_report(tmp_path)
    write_report(tmp_path)
    later = copy.deepcopy(documents[0])
    later |= {"id": "later", "started": "2030-01-01T00:00:00.000Z"}
    write_result_file(tmp_path, later)
    write_report(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert [run["id"] for run in report["history"]] == [documents[0]["id"], "later"]
    assert "Runs of baseline" in (tmp_path / "report.md").read_text()


def test_a_folder_without_result_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultFileError, match="has no result file of a scenario"):
        write_report(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ResultFileError, match=r"broken\.json is not JSON"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "damage",
    [
        {"settings": {"settle": {"ms": 100}}},
        {"steps": [{}]},
        {"steps": None},
        {"series": {}},
        {"processes": [{"columns": None}]},
    ],
)
def test_a_damaged_result_file_is_named(
    documents: list[dict[str, Any]], tmp_path: Path, damage: dict[str, Any]
) -> None:
    write_result_file(tmp_path, documents[0] | damage)
    with pytest.raises(ResultFileError, match=r"baseline\.json is damaged, or of an earlier"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("is_logarithmic", [False, True])
@pytest.mark.parametrize(
    "points", [[(1, 1)], [(0, 0), (5, 5)], [(2, 3), (2, 3)], [(-1, -2), (1e9, 1e-9)]]
)
def test_a_chart_is_well_formed_and_within_its_frame(
    points: list[tuple[float, float]], *, is_logarithmic: bool
) -> None:
    axis = Axis("x < y & z", is_logarithmic)
    chart = draw_chart([Line('"line"', points), Line("empty", [])], axis, axis)
    assert isinstance(chart, Markup)
    root = ET.fromstring(chart)  # noqa: S314 - our own chart
    *_, width, height = map(float, root.attrib["viewBox"].split())
    for line in root.iter("polyline"):
        for pair in line.attrib["points"].split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_a_chart_without_a_point_is_not_drawn() -> None:
    assert draw_chart([Line("empty", [])], Axis("x"), Axis("y")) is None


def test_the_committed_report_has_every_section_that_requirements_name() -> None:
    spec = yaml.safe_load((ROOT / "slos/val-008.yaml").read_text())
    named = {each["report"] for each in spec["requirements"] if "report" in each}
    for name, pattern in (("report.md", '<a id="{}">'), ("report.html", '<section id="{}">')):
        text = (ROOT / "docs/report" / name).read_text()
        assert not [anchor for anchor in named if pattern.format(anchor) not in text]


def test_every_line_of_the_scenarios_of_ac6_and_of_done_names_its_section() -> None:
    spec = yaml.safe_load((ROOT / "slos/val-008.yaml").read_text())
    for each in spec["requirements"]:
        if re.match(r"scenario\d\.|AC6\.|done\.", each["id"]):
            assert each.get("report"), each["id"]
