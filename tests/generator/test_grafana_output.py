"""Dashboard files: deterministic JSON, valid ConfigMaps, and other files are kept."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from generator.files.output import MANIFEST, write_folder
from generator.files.transaction import CannotWriteError
from generator.model import Artifact
from generator.outputs import OutputSettings
from generator.pipeline import BuildSettings, render_folder
from generator.text.yaml_writer import GENERATED_MARK, render_json_document
from tests.generator import dashboards
from tests.generator.spec_pipeline import build_plans

PLANS = build_plans(*(path.read_bytes() for path in sorted(dashboards.SLOS.glob("*.yaml")))).plans
NAMES = ("slo-detail", "slo-overview", "slo-prober", "slo-scenarios")
# What kubectl can keep as an annotation when it applies an object.
_APPLIED_AT_MOST = 262_144


def render_dashboards(settings: OutputSettings | None = None) -> dict[str, str]:
    build_settings = BuildSettings(output=settings or OutputSettings())
    made = render_folder(PLANS, "grafana", build_settings)
    return {str(artifact.path): artifact.text for artifact in made}


FILES = render_dashboards()


def load_config_map(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILES[f"{name}.configmap.yaml"])
    return found


def test_each_dashboard_is_a_json_file_and_a_config_map() -> None:
    listed = yaml.safe_load(FILES["kustomization.yaml"])["resources"]
    assert listed == [f"{name}.configmap.yaml" for name in NAMES]
    assert set(FILES) == {*listed, *(f"{name}.json" for name in NAMES), "kustomization.yaml"}


@pytest.mark.parametrize("name", NAMES)
def test_a_config_map_holds_the_json_of_the_file_to_the_character(name: str) -> None:
    assert load_config_map(name)["data"] == {f"{name}.json": FILES[f"{name}.json"]}
    assert json.loads(FILES[f"{name}.json"])["uid"] == name


@pytest.mark.parametrize("name", NAMES)
def test_a_config_map_is_what_a_cluster_and_the_sidecar_take(name: str) -> None:
    found = load_config_map(name)
    kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)
    assert found["metadata"] == {
        "name": f"grafana-dashboard-{name}",
        "namespace": "prometheus",
        "labels": {"app.kubernetes.io/managed-by": "slo-rules", "grafana_dashboard": "1"},
        "annotations": {"k8s-sidecar-target-directory": "Agents"},
    }
    assert len(json.dumps(found)) < _APPLIED_AT_MOST


def test_the_namespace_and_labels_are_settings() -> None:
    settings = OutputSettings(namespace="watch", object_labels={"team": "sre"})
    for path, text in render_dashboards(settings).items():
        if path.endswith(".configmap.yaml"):
            metadata = yaml.safe_load(text)["metadata"]
            assert metadata["namespace"] == "watch"
            assert metadata["labels"] == {
                "app.kubernetes.io/managed-by": "slo-rules",
                "grafana_dashboard": "1",
                "team": "sre",
            }


def test_a_dashboard_says_whose_it_is_where_nobody_keeps_a_list(tmp_path: Path) -> None:
    old = Artifact(PurePosixPath("slo.json"), render_json_document(["a.yaml"], {"title": "old"}))
    new = Artifact(PurePosixPath("slo.json"), render_json_document(["a.yaml"], {"title": "new"}))
    write_folder([old], tmp_path)
    (tmp_path / MANIFEST).unlink()
    write_folder([new], tmp_path)
    assert json.loads((tmp_path / "slo.json").read_text())["title"] == "new"
    assert json.loads(old.text)["description"].startswith(GENERATED_MARK.removeprefix("# "))


@pytest.mark.parametrize("text", ['{"title": "mine"}', '{\n  "description": "Mine."\n}\n'])
def test_a_dashboard_of_others_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "slo.json").write_text(text)
    made = Artifact(PurePosixPath("slo.json"), render_json_document(["a.yaml"], {"title": "new"}))
    with pytest.raises(CannotWriteError):
        write_folder([made], tmp_path)
    assert (tmp_path / "slo.json").read_text() == text
