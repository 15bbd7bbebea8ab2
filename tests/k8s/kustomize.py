"""Runner of kubectl's kustomize, and a replacement for machines without kubectl."""

import copy
import json
import re
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from exporter.devstack.stack import find_binary


class _Loader(yaml.CSafeLoader):
    """Takes a bare `=` for a text, as Kubernetes does; to YAML 1.1 it was something else."""


def _construct_text(_: yaml.CSafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:value", _construct_text)


def parse_documents(text: str) -> list[dict[str, Any]]:
    """Every document that is not empty."""
    return [each for each in yaml.load_all(text, Loader=_Loader) if each]


Json = dict[str, Any]


class PatchError(Exception):
    """An operation does not fit the document."""


def apply(document: Json, operations: list[Json]) -> None:
    """Change a document in place."""
    for each in operations:
        *parents, last = [_unescape(part) for part in each["path"].split("/")[1:]]
        holder: Any = document
        for part in parents:
            holder = holder[int(part)] if isinstance(holder, list) else holder[part]
        _apply_operation(holder, last, each)


def _unescape(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _apply_operation(holder: Any, key: str, operation: Json) -> None:  # noqa: ANN401 - JSON
    place: Any = int(key) if isinstance(holder, list) and key != "-" else key
    match operation["op"]:
        case "add" if isinstance(holder, list):
            holder.insert(len(holder) if key == "-" else place, operation["value"])
        case "add":
            holder[place] = operation["value"]
        case "replace":
            _check_present(holder, place)
            holder[place] = operation["value"]
        case "test":
            _check_present(holder, place)
            if holder[place] != operation["value"]:
                raise PatchError(f"{operation['path']} is {holder[place]!r}")
        case other:
            raise PatchError(f"the operation {other} is not known here")


def _check_present(holder: Any, place: Any) -> None:  # noqa: ANN401 - JSON
    there = place < len(holder) if isinstance(holder, list) else place in holder
    if not there:
        raise PatchError(f"there is no {place}")


_KINDS = {"Kustomization": "v1beta1", "Component": "v1alpha1"}
_FIELDS = {
    "apiVersion", "kind", "resources", "components", "configMapGenerator", "patches", "labels",
    "images",
}  # fmt: skip


class UnknownFieldError(Exception):
    """A kustomization asks for what is not known here."""


def build_kustomization(folder: Path) -> list[Json]:
    """All objects of a kustomization."""
    return _apply_kustomization(folder, [], kind="Kustomization")


def _apply_kustomization(folder: Path, objects: list[Json], *, kind: str) -> list[Json]:
    """Add what a kustomization lists, then change all there is, in kustomize's order."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    _check_fields(kustomization, _FIELDS)
    if (kustomization["kind"], kustomization["apiVersion"].rpartition("/")[2]) != (
        kind,
        _KINDS[kind],
    ):
        raise UnknownFieldError(f"{folder}: no {kind}")
    found = [*objects]
    for name in kustomization.get("resources", []):
        found += _load_resource(folder, name)
    found += [
        _build_config_map(folder, each) for each in kustomization.get("configMapGenerator", [])
    ]
    for name in kustomization.get("components", []):
        found = _apply_kustomization((folder / name).resolve(), found, kind="Component")
    for patch in kustomization.get("patches", []):
        _apply_patch(found, patch)
    for labels in kustomization.get("labels", []):
        _add_labels(found, labels)
    for image in kustomization.get("images", []):
        _pin_image(found, image)
    _check_distinct(found)
    return found


def _load_resource(folder: Path, name: str) -> Iterable[Json]:
    resource_path = (folder / name).resolve()
    if resource_path.is_dir():
        return build_kustomization(resource_path)
    if not resource_path.is_relative_to(folder.resolve()):
        raise UnknownFieldError(f"{name} lies above the root {folder}")
    return parse_documents(resource_path.read_text())


def _build_config_map(folder: Path, generator: Json) -> Json:
    _check_fields(generator, {"name", "namespace", "files", "options"})
    _check_fields(generator["options"], {"disableNameSuffixHash", "labels", "annotations"})
    if generator["options"].get("disableNameSuffixHash") is not True:
        raise UnknownFieldError("names with a hash are not known here")
    texts = {
        key: dict(each) for key, each in generator["options"].items() if isinstance(each, dict)
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": generator["name"], "namespace": generator["namespace"], **texts},
        "data": {Path(file).name: (folder / file).read_text() for file in generator["files"]},
    }


def _apply_patch(objects: list[Json], patch: Json) -> None:
    _check_fields(patch, {"target", "patch"})
    _check_fields(patch["target"], {"kind", "name"})
    operations = yaml.safe_load(patch["patch"])
    if not isinstance(operations, list):
        raise UnknownFieldError("only lists of operations are known here")
    for each in objects:
        name = patch["target"].get("name")
        if each["kind"] == patch["target"]["kind"] and name in (None, each["metadata"]["name"]):
            apply(each, copy.deepcopy(operations))


def _add_labels(objects: list[Json], labels: Json) -> None:
    _check_fields(labels, {"pairs", "includeTemplates"})
    for each in objects:
        labelled = [each, *(_list_templates(each) if labels["includeTemplates"] else ())]
        for target in labelled:
            target.setdefault("metadata", {}).setdefault("labels", {}).update(labels["pairs"])


def _list_templates(manifest: Json) -> list[Json]:
    if manifest["kind"] == "CronJob":
        job = manifest["spec"]["jobTemplate"]
        return [job, job["spec"]["template"]]
    return [manifest["spec"]["template"]] if manifest["kind"] == "Deployment" else []


def _pin_image(objects: list[Json], image: Json) -> None:
    _check_fields(image, {"name", "newName", "digest"})
    for each in objects:
        for template in _list_templates(each)[-1:]:
            for container in template["spec"]["containers"]:
                if re.split("[:@]", container["image"])[0] == image["name"]:
                    container["image"] = f"{image['newName']}@{image['digest']}"


def _check_distinct(objects: list[Json]) -> None:
    ids = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects]
    if len(set(ids)) < len(ids):
        raise UnknownFieldError("one object is there twice")


def _check_fields(section: Json, known_fields: set[str]) -> None:
    if unknown := set(section) - known_fields:
        raise UnknownFieldError(f"not known here: {', '.join(sorted(unknown))}")


_OLDEST = (5, 0)
"""Of the kustomize in it. Debian 12's kubectl holds 2.0, which knows neither components nor labels
of templates."""


@cache
def find_kubectl() -> Path | None:
    """The program, when it is there and can build what is asked of it."""
    found = find_binary("kubectl")
    if found is None:
        return None
    told = subprocess.run(
        [found, "version", "--client", "--output=json"],
        capture_output=True, check=True, text=True, timeout=60,
    )  # fmt: skip
    version = str(json.loads(told.stdout).get("kustomizeVersion"))
    number = re.match(r"v(\d+)\.(\d+)\.", version)
    return found if number and (int(number[1]), int(number[2])) >= _OLDEST else None


def run_kustomize(program: Path, folder: Path) -> list[dict[str, Any]]:
    """Build a folder with `kubectl kustomize`; a warning counts as a fault."""
    done = subprocess.run(
        [program, "kustomize", folder], capture_output=True, check=False, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return parse_documents(done.stdout)
