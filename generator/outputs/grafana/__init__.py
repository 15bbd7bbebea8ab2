"""Output format `grafana`: dashboards as JSON, each also as a ConfigMap for Grafana's sidecar."""

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from generator.model import Artifact, Plan
from generator.outputs import OutputSettings
from generator.outputs.grafana import queries
from generator.outputs.grafana.boards import detail, overview, prober, scenarios
from generator.slo.links import Board
from generator.text import yaml_writer

NAME = "grafana"
ONE_FILE = False
ON_REQUEST = False
_SOURCES = ("the specs of this folder",)
_LABELS = {"grafana_dashboard": "1"}
_ANNOTATIONS = {"k8s-sidecar-target-directory": "Agents"}

_ALWAYS = (overview, detail)
_OF_THE_PROBE = (prober, scenarios)


def render(_: Plan, _settings: OutputSettings) -> Iterator[Artifact]:
    """Render nothing: dashboards are about all specs of a run."""
    yield from ()


def of_run(plans: Sequence[Plan], settings: OutputSettings) -> Iterator[Artifact]:
    """Render each dashboard as JSON and as a ConfigMap, and the kustomization of the ConfigMaps."""
    manifests = []
    for board, built in of(plans):
        document = yaml_writer.json_document(_SOURCES, built)
        yield Artifact(PurePosixPath(f"{board}.json"), document)
        manifest = PurePosixPath(f"{board}.configmap.yaml")
        lines = _config_map(board, document, settings.namespace)
        yield Artifact(manifest, yaml_writer.document(_SOURCES, lines))
        manifests.append(manifest)
    lines = yaml_writer.kustomization(manifests)
    yield Artifact(PurePosixPath("kustomization.yaml"), yaml_writer.document(_SOURCES, lines))


def _config_map(name: str, document: str, namespace: str) -> Iterator[str]:
    yield "apiVersion: v1"
    yield "kind: ConfigMap"
    yield "metadata:"
    yield f"  name: {yaml_writer.scalar(f'grafana-dashboard-{name}')}"
    yield f"  namespace: {yaml_writer.scalar(namespace)}"
    yield from yaml_writer.indented(yaml_writer.mapping("labels", _LABELS), 2)
    yield from yaml_writer.indented(yaml_writer.mapping("annotations", _ANNOTATIONS), 2)
    yield "data:"
    yield from yaml_writer.indented(yaml_writer.block(f"{name}.json", document), 2)


def of(plans: Sequence[Plan]) -> Iterator[tuple[Board, dict[str, object]]]:
    """Build the dashboards of a run as JSON; those of the prober only if rules read its metrics."""
    known = queries.of(plans)
    every = (*_ALWAYS, *_OF_THE_PROBE) if known.probe else _ALWAYS
    boards = [module.BOARD for module in every]
    for module in every:
        built = module.built(known, boards).build()
        yield module.BOARD, json.loads(json.dumps(built, cls=JSONEncoder, sort_keys=True))
