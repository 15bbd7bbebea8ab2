"""The part of kustomize that our manifests use, for machines without a kubectl that is new enough.

It refuses every field it does not know, so it never builds less than was asked for. Where there is
such a kubectl, a test compares the two.
"""

import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.k8s import json_patch
from tests.k8s.documents import documents

Json = dict[str, Any]
_KINDS = {"Kustomization": "v1beta1", "Component": "v1alpha1"}
_FIELDS = {
    "apiVersion", "kind", "resources", "components", "configMapGenerator", "patches", "labels",
    "images",
}  # fmt: skip


class UnknownFieldError(Exception):
    """A kustomization asks for what is not known here."""


def build(folder: Path) -> list[Json]:
    """All objects of a kustomization."""
    return _apply(folder, [], kind="Kustomization")


def _apply(folder: Path, objects: list[Json], *, kind: str) -> list[Json]:
    """Add what a kustomization lists, then change all there is, in kustomize's order."""
    asked = yaml.safe_load((folder / "kustomization.yaml").read_text())
    _only(asked, _FIELDS)
    if (asked["kind"], asked["apiVersion"].rpartition("/")[2]) != (kind, _KINDS[kind]):
        raise UnknownFieldError(f"{folder}: no {kind}")
    found = [*objects]
    for name in asked.get("resources", []):
        found += _resource(folder, name)
    found += [_config_map(folder, each) for each in asked.get("configMapGenerator", [])]
    for name in asked.get("components", []):
        found = _apply((folder / name).resolve(), found, kind="Component")
    for patch in asked.get("patches", []):
        _patch(found, patch)
    for labels in asked.get("labels", []):
        _label(found, labels)
    for image in asked.get("images", []):
        _pin(found, image)
    _distinct(found)
    return found


def _resource(folder: Path, name: str) -> Iterable[Json]:
    place = (folder / name).resolve()
    if place.is_dir():
        return build(place)
    if not place.is_relative_to(folder.resolve()):
        raise UnknownFieldError(f"{name} lies above the root {folder}")
    return documents(place.read_text())


def _config_map(folder: Path, asked: Json) -> Json:
    _only(asked, {"name", "namespace", "files", "options"})
    _only(asked["options"], {"disableNameSuffixHash", "labels", "annotations"})
    if asked["options"].get("disableNameSuffixHash") is not True:
        raise UnknownFieldError("names with a hash are not known here")
    texts = {key: dict(each) for key, each in asked["options"].items() if isinstance(each, dict)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": asked["name"], "namespace": asked["namespace"], **texts},
        "data": {Path(file).name: (folder / file).read_text() for file in asked["files"]},
    }


def _patch(objects: list[Json], asked: Json) -> None:
    _only(asked, {"target", "patch"})
    _only(asked["target"], {"kind", "name"})
    operations = yaml.safe_load(asked["patch"])
    if not isinstance(operations, list):
        raise UnknownFieldError("only lists of operations are known here")
    for each in objects:
        name = asked["target"].get("name")
        if each["kind"] == asked["target"]["kind"] and name in (None, each["metadata"]["name"]):
            json_patch.apply(each, copy.deepcopy(operations))


def _label(objects: list[Json], asked: Json) -> None:
    _only(asked, {"pairs", "includeTemplates"})
    for each in objects:
        labelled = [each, *(_templates(each) if asked["includeTemplates"] else ())]
        for one in labelled:
            one.setdefault("metadata", {}).setdefault("labels", {}).update(asked["pairs"])


def _templates(found: Json) -> list[Json]:
    if found["kind"] == "CronJob":
        job = found["spec"]["jobTemplate"]
        return [job, job["spec"]["template"]]
    return [found["spec"]["template"]] if found["kind"] == "Deployment" else []


def _pin(objects: list[Json], asked: Json) -> None:
    _only(asked, {"name", "newName", "digest"})
    for each in objects:
        for template in _templates(each)[-1:]:
            for container in template["spec"]["containers"]:
                if re.split("[:@]", container["image"])[0] == asked["name"]:
                    container["image"] = f"{asked['newName']}@{asked['digest']}"


def _distinct(objects: list[Json]) -> None:
    ids = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects]
    if len(set(ids)) < len(ids):
        raise UnknownFieldError("one object is there twice")


def _only(asked: Json, known: set[str]) -> None:
    if unknown := set(asked) - known:
        raise UnknownFieldError(f"not known here: {', '.join(sorted(unknown))}")
