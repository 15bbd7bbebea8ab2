"""Writer of the report: HTML, Markdown and JSON beside the result files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from exporter.analysis.measurements import read_measurements
from exporter.k6.plan import SUMMARY_FORMAT, SUMMARY_VERSION
from exporter.k6.results import build_engine_documents
from exporter.loadtest.result_file import (
    FORMAT as RESULT_FORMAT,
)
from exporter.loadtest.result_file import (
    ResultFileError,
    read_json,
    read_result_file,
    write_json,
    write_text,
)
from exporter.prober.engine_calls import FORMAT as CALLS_FORMAT
from exporter.prober.engine_calls import VERSION as CALLS_VERSION
from exporter.report import ReportSection, Table
from exporter.report.content import FORMAT, VERSION, Report, build_report

NAME = "report"
_CLASSES = {
    "met": "met",
    "missed": "missed",
    "invalid": "invalid",
    "not measurable here": "unknown",
    "partial": "unknown",
    "differs": "unknown",
    "holds": "met",
}
"""Style of the cells with these texts."""


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the report over all result files of a folder; return the path of the page.

    Args:
        folder: folder of the result files.
        out: folder of the report; that of the result files by default.

    Raises:
        ResultFileError: there is no result file, or a file cannot be read or written.
    """
    target = out or folder
    documents = [_read_document(path) for path in _list_files(folder, RESULT_FORMAT)]
    documents += _read_engine_results(folder)
    if not documents:
        raise ResultFileError(f"{folder} has no result file of a scenario")
    report = build_report(documents, _read_history(target / f"{NAME}.json"))
    write_json(target / f"{NAME}.json", report.to_json())
    write_text(target / f"{NAME}.md", render_markdown(report))
    page = target / f"{NAME}.html"
    write_text(page, render_html(report))
    return page


def _read_document(path: Path) -> dict[str, Any]:
    """Read a result file, and check that it can be analyzed."""
    document = read_result_file(path)
    try:
        read_measurements(document)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ResultFileError(f"{path} is damaged, or of an earlier version: {error!r}") from error
    return document


def _read_engine_results(folder: Path) -> list[dict[str, Any]]:
    """Read the results of a load engine: summaries of its runners, and calls of the canary."""
    summaries, calls = (
        [
            read_json(path, expected_format=expected, version=version)
            for path in _list_files(folder, expected)
        ]
        for expected, version in (
            (SUMMARY_FORMAT, SUMMARY_VERSION),
            (CALLS_FORMAT, CALLS_VERSION),
        )
    )
    return build_engine_documents(summaries, calls)


def _list_files(folder: Path, expected: str) -> list[Path]:
    return [path for path in sorted(folder.glob("*.json")) if _has_format(path, expected)]


def _has_format(path: Path, expected: str) -> bool:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ResultFileError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ResultFileError(f"{path} is not JSON: {error}") from error
    return isinstance(document, dict) and document.get("format") == expected


def _read_history(path: Path) -> Sequence[Mapping[str, Any]]:
    if not path.exists():
        return ()
    history: Sequence[Mapping[str, Any]] = read_json(path, expected_format=FORMAT, version=VERSION)[
        "history"
    ]
    return history


def render_report_page(documents: Sequence[Mapping[str, Any]]) -> str:
    """Render the page over result files."""
    return render_html(build_report(documents))


def render_html(report: Report) -> str:
    """Render the page; it has no script, and loads nothing."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("exporter.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    template = environment.get_template("report.html.j2")
    return template.render(sections=report.sections, classes=_CLASSES) + "\n"


def render_markdown(report: Report) -> str:
    """Render the same sections as Markdown, without the charts."""
    lines = ["# Load test report", ""]
    for section in report.sections:
        lines += _render_section(section)
    return "\n".join(lines).rstrip() + "\n"


def _render_section(section: ReportSection) -> list[str]:
    lines = [f'<a id="{section.anchor}"></a>', "", f"## {section.title}", ""]
    for paragraph in section.paragraphs:
        lines += [_escape(paragraph), ""]
    for table in section.tables:
        lines += [*([f"### {table.title}", ""] if table.title else []), *_render_table(table), ""]
    return lines


def _render_table(table: Table) -> list[str]:
    rows = [table.columns, ["---"] * len(table.columns), *table.rows]
    return [f"| {' | '.join(map(_escape, row))} |" for row in rows]


def _escape(text: str) -> str:
    """Escape what is markup in Markdown."""
    for mark in ("\\", "|", "<", "*", "`", "["):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
