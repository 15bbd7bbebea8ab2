"""`slo-rules trace` as a user calls it."""

from pathlib import Path

import pytest

from tests.generator.command_line import call
from tests.schema.specs import as_yaml, slo, spec

ASKED = [
    {"id": "NFR.1", "says": "It is | there"},
    {"id": "NFR.2", "says": "It restores", "validated_by": "the yearly exercise"},
]


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    folder = tmp_path / "slos"
    folder.mkdir()
    (folder / "shop.yaml").write_bytes(as_yaml(spec(slo(covers=["NFR.1"]))))
    (folder / "asked.yaml").write_bytes(
        as_yaml({**spec(requirements=ASKED, sources={"http_": "the shop"}), "slos": []})
    )
    return folder


def test_each_line_shows_who_watches_it_on_what_data(specs: Path) -> None:
    result = call("trace", "-i", specs)
    assert result.exit_code == 0, result.output
    row = "| It is \\| there | SLO `shop-requests` | `http_requests_total` | the shop | "
    assert row in result.stdout
    assert "| It restores | validated by the yearly exercise |" in result.stdout


def test_a_page_that_is_not_what_the_specs_give_is_drift(specs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert call("trace", "-i", specs, "-o", page, "--check").exit_code == 1
    assert call("trace", "-i", specs, "-o", page).exit_code == 0
    assert call("trace", "-i", specs, "-o", page, "--check").exit_code == 0
    page.write_text(page.read_text() + "more\n")
    drifted = call("trace", "-i", specs, "-o", page, "--check")
    assert drifted.exit_code == 1
    assert "run: slo-rules trace -o" in drifted.output
    assert call("trace", "-i", specs, "-o", page).exit_code == 0
    assert "more" not in page.read_text()


def test_a_page_of_somebody_else_is_not_overwritten(specs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# My page\n")
    result = call("trace", "-i", specs, "-o", page)
    assert result.exit_code == 1
    assert page.read_text() == "# My page\n"
