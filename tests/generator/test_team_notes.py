"""Team notes are kept after disk errors."""

import os
from pathlib import Path

import pytest

from generator.text.notes import END
from tests.generator.command_line import run_slo_rules, snapshot_folder, write_specs
from tests.generator.test_output_folder import fail_at_call
from tests.schema.specs import build_slo, build_spec, dump_yaml

PAGE = "rules/runbooks/too-many-errors.md"


@pytest.mark.parametrize(
    ("function", "number", "owner"),
    [
        ("pathlib.Path.replace", 1, Path),
        ("pathlib.Path.replace", 9, Path),
        ("os.write", 4, os),
        ("pathlib.Path.rename", 1, Path),
    ],
)
def test_notes_are_where_they_were_after_trouble_with_the_disk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    number: int,
    owner: object,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_specs(tmp_path / "slos")
    assert run_slo_rules("build").exit_code == 0
    page = (tmp_path / PAGE).read_text()
    (tmp_path / PAGE).write_text(page.replace(END, f"- Kim knows the cache.\n{END}"))
    renamed = build_spec(build_slo(alerting={"name": "CheckoutFails"}))
    (tmp_path / "slos" / "shop.yaml").write_bytes(dump_yaml(renamed))
    before = snapshot_folder(tmp_path)
    with monkeypatch.context() as patch:
        real = getattr(owner, function.rpartition(".")[2])
        patch.setattr(function, fail_at_call(number, real))
        result = run_slo_rules("build")
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert snapshot_folder(tmp_path) == before
