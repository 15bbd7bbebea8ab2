"""Files and names that get in each other's way: said, and nothing lost."""

import json
from pathlib import Path

import pytest
import yaml

from tests.generator.command_line import call
from tests.generator.folders import snapshot
from tests.schema.specs import as_yaml, spec


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `slos/shop.yaml`, entered."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "shop.yaml").write_bytes(as_yaml(spec()))
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [["x" * 300 + ".yaml"], ["-o", "x" * 300], ["-o", "x" * 300 + ".yaml"]],
    ids=["spec", "folder", "file"],
)
def test_a_name_no_file_can_have_is_an_error(work: Path, arguments: list[str]) -> None:
    before = snapshot(work)
    assert call("build", *arguments).exit_code == 1
    assert snapshot(work) == before


def test_a_broken_list_of_files_cannot_lead_anywhere(work: Path) -> None:
    call("build")
    (work / "rules" / "loop").symlink_to("loop")
    (work / "rules" / ".slo-rules").write_bytes(b"# x\na\0b\nloop/x.yaml\n../slos/shop.yaml\n")
    assert call("build").exit_code == 0
    assert (work / "slos" / "shop.yaml").exists()


def test_a_dangling_link_among_the_specs_is_an_error_and_its_rules_stay(work: Path) -> None:
    link = work / "slos" / "api.yaml"
    link.write_bytes(as_yaml(spec(service="api")))
    call("build")
    link.unlink()
    link.symlink_to("gone")
    assert call("build").exit_code == 1
    assert (work / "rules" / "prometheus" / "api.yaml").exists()


def test_a_spec_is_never_its_own_output(work: Path) -> None:
    before = snapshot(work)
    for out in ("slos/shop.yaml", "slos", "slos/rules"):
        result = call("build", "-o", out)
        assert result.exit_code == 1
        assert "output" in result.stderr
    assert snapshot(work) == before


def test_files_with_similar_names_become_objects_with_different_names(work: Path) -> None:
    for name in ("my_api", "my-api", "ü"):
        service = f"s{len(name)}{name.isascii()}{'_' in name}"
        (work / "slos" / f"{name}.yaml").write_bytes(as_yaml(spec(service=service)))
    assert call("build").exit_code == 0
    objects = [
        yaml.safe_load(path.read_text())["metadata"]["name"]
        for path in (work / "rules" / "operator").glob("*.yaml")
        if path.name != "kustomization.yaml"
    ]
    assert len(set(objects)) == 4
    assert all(name.strip("-") == name and name.isascii() for name in objects)


def test_a_spec_called_like_the_kustomization_is_refused(work: Path) -> None:
    (work / "slos" / "kustomization.yaml").write_bytes(as_yaml(spec(service="k")))
    result = call("build")
    assert result.exit_code == 1
    assert "kustomization.yaml" in result.stderr


def test_a_line_break_in_a_file_name_stays_out_of_the_header(work: Path) -> None:
    (work / "slos" / "a\nb: c.yaml").write_bytes(as_yaml(spec(service="k")))
    call("build")
    built = work / "rules" / "prometheus" / "a\nb: c.yaml"
    assert list(yaml.safe_load(built.read_text())) == ["groups"]


def test_json_is_json_even_when_the_output_is_in_the_way(work: Path) -> None:
    (work / "file").write_text("x")
    result = call("check", "--json", "-o", "file")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"]


def test_the_order_of_arguments_does_not_matter(work: Path) -> None:
    (work / "slos" / "b.yaml").write_bytes(as_yaml(spec(service="b")))
    one = call("build", "slos/b.yaml", "slos/shop.yaml", "-o", "-")
    other = call("build", "slos/shop.yaml", "slos/b.yaml", "-o", "-")
    assert one.stdout == other.stdout
