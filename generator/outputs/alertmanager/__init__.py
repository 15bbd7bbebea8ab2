"""Output format `alertmanager`: routing as Alertmanager configuration and as an object."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from generator.model import Artifact, Plan
from generator.outputs import OutputSettings
from generator.outputs.alertmanager import templates
from generator.text import yaml_writer

NAME = "alertmanager"
ONE_FILE = False
ON_REQUEST = False
ENGINE = None
_OBJECT_FILE = "alertmanagerconfig.yaml"
_TEMPLATES_CONFIG_MAP = "slo-alertmanager-templates"


def render_plan(_: Plan, _settings: OutputSettings) -> Iterator[Artifact]:
    """Render nothing: the routing tree is about all specs of a run."""
    yield from ()


def render_run(plans: Sequence[Plan], settings: OutputSettings) -> Iterator[Artifact]:
    """Render the configuration, the AlertmanagerConfig, the templates and the kustomization.

    Without an alert nothing is rendered.
    """
    from generator.alerting.tree import build_routing  # noqa: PLC0415 - imports many modules
    from generator.outputs.alertmanager import operator  # noqa: PLC0415 - likewise
    from generator.outputs.alertmanager.config import render_config  # noqa: PLC0415 - likewise

    routing_tree = build_routing(plans, settings.office_hours)
    if routing_tree is None:
        return
    yield _build_file("alertmanager.yml", render_config(routing_tree, settings.receivers))
    yield _build_file(templates.TEMPLATE_PATH, templates.TEMPLATE_TEXT.strip("\n").split("\n"))
    config = operator.render_alertmanager_config(
        routing_tree, settings.namespace, settings.stack_labels, settings.receivers
    )
    yield _build_file(_OBJECT_FILE, config)
    yield _build_file("kustomization.yaml", _render_kustomization(settings))


def _render_kustomization(settings: OutputSettings) -> list[str]:
    config_map: dict[str, yaml_writer.YamlValue] = {
        "name": yaml_writer.Raw(_TEMPLATES_CONFIG_MAP),
        "namespace": settings.namespace,
        "files": [templates.TEMPLATE_PATH],
        "options": {
            # The configuration of Alertmanager names the ConfigMap, so it has no hash of its
            # content.
            "disableNameSuffixHash": yaml_writer.Raw("true"),
            "labels": yaml_writer.TextMapping(settings.common_labels),
        },
    }
    kustomization = yaml_writer.build_kustomization([PurePosixPath(_OBJECT_FILE)])
    return yaml_writer.render_mapping({**kustomization, "configMapGenerator": [config_map]})


def _build_file(name: str, lines: Iterable[str]) -> Artifact:
    return Artifact(PurePosixPath(name), yaml_writer.render_document(["all specs"], lines))
