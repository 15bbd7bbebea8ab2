"""Output format `grafana`: dashboards as JSON, each also as a ConfigMap for Grafana's sidecar."""

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from generator.model import Artifact, Plan
from generator.outputs import OutputSettings
from generator.outputs.grafana import queries
from generator.outputs.grafana.boards import load_boards
from generator.text import yaml_writer

NAME = "grafana"
ONE_FILE = False
ON_REQUEST = False
_SOURCES = ("the specs of this folder",)
_LABELS = {"grafana_dashboard": "1"}
_ANNOTATIONS = {"k8s-sidecar-target-directory": "Agents"}


def render_plan(_: Plan, _settings: OutputSettings) -> Iterator[Artifact]:
    """Render nothing: dashboards are about all specs of a run."""
    yield from ()


def render_run(plans: Sequence[Plan], settings: OutputSettings) -> Iterator[Artifact]:
    """Render each dashboard as JSON and as a ConfigMap, and the kustomization of the ConfigMaps."""
    manifests = []
    for board, content in build_dashboards(plans):
        document = yaml_writer.render_json_document(_SOURCES, content)
        yield Artifact(PurePosixPath(f"{board}.json"), document)
        manifest = PurePosixPath(f"{board}.configmap.yaml")
        lines = _render_config_map(board, document, settings.namespace)
        yield Artifact(manifest, yaml_writer.render_document(_SOURCES, lines))
        manifests.append(manifest)
    lines = yaml_writer.render_kustomization(manifests)
    yield Artifact(
        PurePosixPath("kustomization.yaml"), yaml_writer.render_document(_SOURCES, lines)
    )


def _render_config_map(name: str, document: str, namespace: str) -> Iterator[str]:
    yield "apiVersion: v1"
    yield "kind: ConfigMap"
    yield "metadata:"
    yield f"  name: {yaml_writer.format_scalar(f'grafana-dashboard-{name}')}"
    yield f"  namespace: {yaml_writer.format_scalar(namespace)}"
    yield from yaml_writer.indent_lines(yaml_writer.render_mapping("labels", _LABELS), 2)
    yield from yaml_writer.indent_lines(yaml_writer.render_mapping("annotations", _ANNOTATIONS), 2)
    yield "data:"
    yield from yaml_writer.indent_lines(yaml_writer.render_block(f"{name}.json", document), 2)


def build_dashboards(plans: Sequence[Plan]) -> Iterator[tuple[str, dict[str, object]]]:
    """Build the dashboards of a run as JSON; those of the prober only if rules read its metrics."""
    inventory = queries.collect_inventory(plans)
    modules = [
        module for module in load_boards() if inventory.reads_probe or not module.BOARD.needs_prober
    ]
    boards = [module.BOARD for module in modules]
    for module in modules:
        content = module.build_dashboard(inventory, boards).build()
        yield module.BOARD.uid, json.loads(json.dumps(content, cls=JSONEncoder, sort_keys=True))
