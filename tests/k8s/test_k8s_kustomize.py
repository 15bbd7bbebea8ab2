"""`kubectl kustomize` and the builder of the tests give the same manifests."""

from pathlib import Path

import pytest

from tests.k8s.kustomize import (
    PatchError,
    UnknownFieldError,
    apply,
    build_kustomization,
    find_kubectl,
    parse_documents,
    run_kustomize,
)
from tests.k8s.manifests import COMPONENTS, K8S, OVERLAYS, Json, build_with_component


def test_a_bare_equals_sign_is_a_text() -> None:
    assert parse_documents("matchType: =\n---\n---\na: '='\n") == [{"matchType": "="}, {"a": "="}]


def _sort_objects(objects: list[Json]) -> list[Json]:
    return sorted(objects, key=lambda each: (each["kind"], each["metadata"]["name"]))


def _require_kubectl() -> Path:
    found = find_kubectl()
    if found is None:
        pytest.skip("no kubectl of 1.27 or newer; Debian 12's is too old for components")
    return found


@pytest.mark.parametrize("name", OVERLAYS)
def test_kubectl_builds_every_overlay_as_our_builder_does(name: str) -> None:
    folder = K8S / "overlays" / name
    assert _sort_objects(run_kustomize(_require_kubectl(), folder)) == _sort_objects(
        build_kustomization(folder)
    )


@pytest.mark.parametrize("component", COMPONENTS)
def test_kubectl_builds_every_component_as_our_builder_does(component: str, tmp_path: Path) -> None:
    build_with_component(component, tmp_path)
    assert _sort_objects(run_kustomize(_require_kubectl(), tmp_path)) == _sort_objects(
        build_kustomization(tmp_path)
    )


@pytest.mark.parametrize(
    "line",
    ["commonLabels: {a: b}", "namespace: ai", "resources: [../other.yaml]", "patches: [{path: x}]"],
)
def test_the_builder_refuses_unknown_fields(line: str, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("kind: Nothing")
    (tmp_path / "here").mkdir()
    head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    (tmp_path / "here" / "kustomization.yaml").write_text(head + line)
    with pytest.raises(UnknownFieldError):
        build_kustomization(tmp_path / "here")


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a/0", "value": 2},
        {"op": "replace", "path": "/a/5", "value": 2},
        {"op": "replace", "path": "/b", "value": 2},
        {"op": "move", "path": "/a", "from": "/b"},
    ],
)
def test_a_patch_that_does_not_fit_is_refused(operation: Json) -> None:
    with pytest.raises(PatchError):
        apply({"a": [1]}, [operation])
