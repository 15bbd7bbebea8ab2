"""The manifest for the k6 operator: a folder that kustomize builds."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from exporter.k6.bundle import K6Target, build_files
from exporter.k6.plan import K6Plan
from exporter.loadtest.arrivals import ArrivalStep
from exporter.model.alert import CanaryIdentity
from tests.exporter.slo_probe import ROOT
from tests.k8s.kustomize import find_kubectl, run_kustomize

SCHEMA = json.loads((ROOT / "tests/k8s/schemas/testrun-k6.io-v1alpha1.json").read_text())
PLAN = K6Plan(
    "89abcdef", "throughput", "http://agent-sre.ai/", "70s", 3, 0.99, {},
    [ArrivalStep(100, 10, "up")], {}, {},
)  # fmt: skip
CANARY = CanaryIdentity("agent-sre-canary", "ai")
REMOTE_WRITE = "http://prometheus:9090/api/v1/write"


def write_files(folder: Path, *, has_login: bool = False, remote_write: str | None = None) -> None:
    target = K6Target(CANARY, {}, has_login=has_login)
    for name, text in build_files(PLAN, target, remote_write=remote_write).items():
        (folder / name).write_text(text)


@pytest.mark.parametrize("has_login", [False, True])
@pytest.mark.parametrize("remote_write", [None, REMOTE_WRITE])
def test_the_manifest_is_a_test_run(
    tmp_path: Path, remote_write: str | None, *, has_login: bool
) -> None:
    write_files(tmp_path, has_login=has_login, remote_write=remote_write)
    manifest: dict[str, Any] = yaml.safe_load((tmp_path / "testrun.yaml").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(manifest)
    spec = manifest["spec"]
    assert spec["parallelism"] == 3
    env = {each["name"]: each for each in spec["runner"]["env"]}
    assert env["RUNNER"]["valueFrom"]["fieldRef"] == {"fieldPath": "metadata.name"}
    assert ("TARGET_AUTHORIZATION" in env) is has_login
    assert ("experimental-prometheus-rw" in spec["arguments"]) is (remote_write is not None)
    assert env.get("K6_PROMETHEUS_RW_SERVER_URL", {}).get("value") == remote_write
    assert spec["runner"]["metadata"]["labels"]["slo-probe/run"] == "89abcdef"


def test_kustomize_gives_the_test_run_the_name_of_its_script(tmp_path: Path) -> None:
    """Also in an overlay with a prefix and a namespace."""
    base = tmp_path / "base"
    base.mkdir()
    write_files(base)
    overlay = {"namespace": "load", "namePrefix": "nightly-", "resources": ["base"]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    kubectl = find_kubectl()
    if kubectl is None:
        pytest.skip("kubectl is not installed, and our replacement knows no references")
    objects = {each["kind"]: each for each in run_kustomize(kubectl, tmp_path)}
    name = objects["ConfigMap"]["metadata"]["name"]
    assert name.startswith("nightly-slo-probe-throughput-")
    assert objects["TestRun"]["spec"]["script"]["configMap"] == {"name": name, "file": "script.js"}
    assert objects["TestRun"]["metadata"]["namespace"] == "load"
    assert "export const options" in objects["ConfigMap"]["data"]["script.js"]
