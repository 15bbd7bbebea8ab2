"""`operator`: PrometheusRule objects for the Prometheus Operator, ready for `kubectl apply -k`."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from generator import text
from generator.model import Artifact, Part, Plan, RuleObject
from generator.outputs import OutputSettings

NAME = "operator"
ONE_FILE = True
ON_REQUEST = False
# Kubernetes takes 253 characters; room for prefix and hash, and still fit to be read.
_LONGEST = 200


def render(plan: Plan, settings: OutputSettings) -> Iterator[Artifact]:
    """One PrometheusRule, and one more for each spec that was an object itself."""
    documents = [list(_object(plan.path, part, settings)) for part in _parts(plan)]
    first, *others = documents or [[]]
    lines = [*first, *(line for lines in others for line in ("---", *lines))]
    yield Artifact(plan.path, text.document(plan.sources, lines))


def of_run(plans: Sequence[Plan], _: OutputSettings) -> Iterator[Artifact]:
    """The kustomization that lists the objects."""
    lines = text.kustomization(plan.path for plan in plans)
    document = text.document(["the specs of this folder"], lines)
    yield Artifact(PurePosixPath("kustomization.yaml"), document)


def _parts(plan: Plan) -> list[Part]:
    """Each part with a name of its own, after all those that have none, as one."""
    groups = tuple(group for part in plan.parts if not part.named for group in part.groups)
    named = [part for part in plan.parts if part.named]
    return [Part(groups), *named] if groups or not named else named


def _object(path: PurePosixPath, part: Part, settings: OutputSettings) -> Iterator[str]:
    named = part.named or RuleObject(_object_name(path), settings.namespace, {}, {})
    namespace, labels = named.namespace, named.labels
    if not named.complete:
        namespace = namespace or settings.namespace
        labels = {**settings.object_labels, **labels}
    yield "apiVersion: monitoring.coreos.com/v1"
    yield "kind: PrometheusRule"
    yield "metadata:"
    yield f"  name: {text.scalar(named.name)}"
    if namespace:
        yield f"  namespace: {text.scalar(namespace)}"
    yield from text.indented(text.mapping("labels", labels), 2)
    yield from text.indented(text.mapping("annotations", named.annotations), 2)
    yield "spec:"
    yield from text.indented(text.groups(part.groups), 2)


def _object_name(path: PurePosixPath) -> str:
    """A DNS label from the file's path: `api.yaml` is `slo-api`.

    A path that is no label as it stands gets a piece of its hash, so that `my_api`, `my/api` and
    `my-api` stay apart.
    """
    stem = str(path.with_suffix(""))
    label = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:_LONGEST]
    if label != stem:
        label += "-" + hashlib.sha256(stem.encode()).hexdigest()[:6]
    return f"slo-{label.strip('-')}"
