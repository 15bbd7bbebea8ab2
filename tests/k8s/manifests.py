"""Manifests built by kustomize, and selectors of their objects."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.k8s.kustomize import build_kustomization, find_kubectl, run_kustomize

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ("dev", "pro", "studio")
COMPONENTS = tuple(sorted(path.name for path in (K8S / "components").iterdir()))
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manifests:
    """The objects of one overlay."""

    name: str
    objects: Sequence[Json]

    def list_objects(self, kind: str) -> list[Json]:
        """Every object of a kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def get_object(self, kind: str, name: str = "slo-probe", namespace: str = "prometheus") -> Json:
        """The object of that name."""
        found = [
            each
            for each in self.list_objects(kind)
            if (each["metadata"]["name"], each["metadata"]["namespace"]) == (name, namespace)
        ]
        assert len(found) == 1, f"{len(found)} {kind} {namespace}/{name} in {self.name}"
        return found[0]

    @property
    def prober(self) -> Json:
        """The pod of the prober."""
        template: Json = self.get_object("Deployment")["spec"]["template"]
        return template

    @property
    def container(self) -> Json:
        """Its only container."""
        (found,) = self.prober["spec"]["containers"]
        assert isinstance(found, dict)
        return found

    @property
    def config(self) -> Json:
        """Configuration that the prober reads."""
        (text,) = self.get_object("ConfigMap", "slo-probe-config")["data"].values()
        loaded: Json = yaml.safe_load(text)
        return loaded

    def list_pods(self) -> Iterator[tuple[str, Json]]:
        """Every pod that comes of it, by the name of what makes it."""
        for each in self.list_objects("Deployment"):
            yield each["metadata"]["name"], each["spec"]["template"]
        for each in self.list_objects("CronJob"):
            yield each["metadata"]["name"], each["spec"]["jobTemplate"]["spec"]["template"]


def build_objects(folder: Path) -> list[Json]:
    """Build a folder with `kubectl kustomize`, or with our part of it where there is no kubectl."""
    program = find_kubectl()
    return run_kustomize(program, folder) if program else build_kustomization(folder)


@cache
def build_overlay(name: str) -> Manifests:
    """One of the overlays; whoever reads it leaves it as it is."""
    return Manifests(name, build_objects(K8S / "overlays" / name))


def build_with_component(name: str, folder: Path, *, overlay_name: str = "dev") -> Manifests:
    """An overlay and one more component, as a user would write it."""
    relative_root = "../" * len(folder.resolve().relative_to("/").parts) + str(K8S).lstrip("/")
    lines = [
        "apiVersion: kustomize.config.k8s.io/v1beta1",
        "kind: Kustomization",
        f"resources: [{relative_root}/overlays/{overlay_name}]",
        f"components: [{relative_root}/components/{name}]",
    ]
    (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n")
    return Manifests(f"{overlay_name} with {name}", build_objects(folder))


def read_sections() -> Json:
    """Settings of a configuration for which a stand-in serves Linear."""
    text = (K8S / "components" / "linear-stand-in" / "sections.yaml").read_text()
    loaded: Json = yaml.safe_load(text)
    return loaded


def matches_selector(selector: Json, labels: Json) -> bool:
    """Return whether a label selector matches these labels; an empty one matches all."""
    assert set(selector) <= {"matchLabels", "matchExpressions"}
    match_labels: Json = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in match_labels.items()) and all(
        _matches_expression(each, labels) for each in selector.get("matchExpressions", [])
    )


def _matches_expression(expression: Json, labels: Json) -> bool:
    assert expression["operator"] == "In", "no other is used"
    return labels.get(expression["key"]) in expression["values"]
