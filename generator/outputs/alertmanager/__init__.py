"""Output format `alertmanager`: routing as Alertmanager configuration and as an object."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from generator.alerting.tree import routing
from generator.model import Artifact, Plan
from generator.outputs import OutputSettings
from generator.outputs.alertmanager import operator, templates
from generator.outputs.alertmanager.config import TEMPLATE, configuration
from generator.text import yaml_writer

NAME = "alertmanager"
ONE_FILE = False
ON_REQUEST = False
_OBJECT = "alertmanagerconfig.yaml"
_TEMPLATES = "slo-alertmanager-templates"


def render(_: Plan, _settings: OutputSettings) -> Iterator[Artifact]:
    """Render nothing: the routing tree is about all specs of a run."""
    yield from ()


def of_run(plans: Sequence[Plan], settings: OutputSettings) -> Iterator[Artifact]:
    """Render the configuration, the AlertmanagerConfig, the templates and the kustomization.

    Without an alert nothing is rendered.
    """
    found = routing(plans, settings.office_hours)
    if found is None:
        return
    yield _file("alertmanager.yml", configuration(found))
    yield _file(TEMPLATE, templates.TEXT.strip("\n").split("\n"))
    config = operator.config(found, settings.namespace, settings.stack_labels)
    yield _file(_OBJECT, config)
    yield _file("kustomization.yaml", _kustomization(settings.namespace))


def _kustomization(namespace: str) -> Iterator[str]:
    yield from yaml_writer.kustomization([PurePosixPath(_OBJECT)])
    yield "configMapGenerator:"
    yield f"  - name: {_TEMPLATES}"
    yield f"    namespace: {yaml_writer.scalar(namespace)}"
    yield f"    files: [{yaml_writer.scalar(TEMPLATE)}]"
    # The configuration of Alertmanager names the ConfigMap, so it has no hash of its content.
    yield "    options: {disableNameSuffixHash: true}"


def _file(name: str, lines: Iterable[str]) -> Artifact:
    return Artifact(PurePosixPath(name), yaml_writer.document(["all specs"], lines))
