"""Output format `grafana`: dashboards as JSON, each also as a ConfigMap for Grafana's sidecar."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from generator.model import Artifact, Plan
from generator.outputs import OutputSettings
from generator.text import yaml_writer

NAME = "grafana"
ONE_FILE = False
ON_REQUEST = False
ENGINE = None
_SOURCES = ("the specs of this folder",)
_LABELS = {"grafana_dashboard": "1"}
_ANNOTATIONS = {"k8s-sidecar-target-directory": "Agents"}


def render_plan(_: Plan, _settings: OutputSettings) -> Iterator[Artifact]:
    """Render nothing: dashboards are about all specs of a run."""
    yield from ()


def render_run(plans: Sequence[Plan], settings: OutputSettings) -> Iterator[Artifact]:
    """Render each dashboard as JSON and as a ConfigMap."""
    from generator.outputs.grafana.boards import (  # noqa: PLC0415 - imports the Grafana SDK
        build_dashboards,
    )

    for board, content in build_dashboards(plans):
        document = yaml_writer.render_json_document(_SOURCES, content)
        yield Artifact(PurePosixPath(f"{board}.json"), document)
        manifest = PurePosixPath(f"{board}.configmap.yaml")
        lines = _render_config_map(board, document, settings)
        yield Artifact(manifest, yaml_writer.render_document(_SOURCES, lines), is_object=True)


def _render_config_map(name: str, document: str, settings: OutputSettings) -> list[str]:
    metadata: dict[str, yaml_writer.YamlValue] = {
        "name": f"grafana-dashboard-{name}",
        "namespace": settings.namespace,
        "labels": yaml_writer.TextMapping({**_LABELS, **settings.common_labels}),
        "annotations": _ANNOTATIONS,
    }
    return yaml_writer.render_mapping(
        {
            "apiVersion": yaml_writer.Raw("v1"),
            "kind": yaml_writer.Raw("ConfigMap"),
            "metadata": metadata,
            "data": {f"{name}.json": yaml_writer.Block(document)},
        }
    )
