"""What docs/kubernetes.md says is there, and its commands work."""

import fnmatch
import itertools
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.k8s.containerfile import read
from tests.k8s.kustomize import kubectl
from tests.k8s.manifests import COMPONENTS, K8S, OVERLAYS, ROOT, built, overlay, with_component
from tests.k8s.validation import VERSIONS

PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"(?:^    .+\n)+", PAGE, re.MULTILINE)
    for line in block.replace("\\\n", " ").splitlines()
]


def _first_cells() -> str:
    return "\n".join(line.split("|")[1] for line in PAGE.splitlines() if line.startswith("|"))


def test_the_page_names_every_object_that_is_applied() -> None:
    named = re.findall(r"\b([A-Z][A-Za-z]+) `([^`]+)`", _first_cells())
    for each in overlay("studio").objects:
        kind, name = each["kind"], each["metadata"]["name"]
        assert any(kind == other and fnmatch.fnmatch(name, pattern) for other, pattern in named), (
            f"{kind} {name}"
        )


def test_the_page_names_every_overlay_and_every_component() -> None:
    cells = set(re.findall(r"`([^`]+)`", _first_cells()))
    assert {*OVERLAYS, *COMPONENTS} <= cells


def test_the_page_says_for_which_kubernetes_it_is_checked() -> None:
    assert f"Kubernetes {VERSIONS[0]} or newer" in PAGE
    assert f"Kubernetes {' and '.join(VERSIONS)}" in PAGE


def test_what_the_page_applies_is_an_overlay() -> None:
    folders = [words[-1] for words in COMMANDS if words[0] == "kubectl" and words[1] != "create"]
    assert folders
    for folder in folders:
        assert built(ROOT / folder)


def test_the_secret_that_the_page_makes_is_the_one_that_pods_wait_for(tmp_path: Path) -> None:
    program = kubectl()
    if program is None:
        pytest.skip("no kubectl of 1.27 or newer")
    (command,) = [words for words in COMMANDS if words[:3] == ["kubectl", "create", "secret"]]
    (tmp_path / "FILE").write_text("planted")
    made = subprocess.run(
        [program, *command[1:], "--dry-run=client", "--output=yaml"],
        cwd=tmp_path, capture_output=True, check=True, text=True, timeout=60,
    )  # fmt: skip
    secret = yaml.safe_load(made.stdout)
    for name in ("pro", "studio"):
        (wanted,) = [v["secret"] for v in overlay(name).prober["spec"]["volumes"] if "secret" in v]
        assert secret["metadata"] == {
            "name": wanted["secretName"],
            "namespace": "prometheus",
            **{k: v for k, v in secret["metadata"].items() if k == "creationTimestamp"},
        }
        assert list(secret["data"]) == [item["key"] for item in wanted["items"]]


def test_the_certificate_of_the_page_is_used(tmp_path: Path) -> None:
    pod = dict(with_component("linear-stand-in", tmp_path).pods())["linear-stand-in"]
    (volume,) = pod["spec"]["volumes"]
    assert f"create secret tls {volume['secret']['secretName']} -n prometheus" in PAGE


def test_the_jobs_that_the_page_begins_by_hand_are_there() -> None:
    jobs = [word for words in COMMANDS for word in words if word.startswith("--from=cronjob/")]
    assert jobs
    for each in jobs:
        assert overlay("dev").one("CronJob", each.partition("/")[2])


def test_the_image_is_built_by_the_files_and_the_argument_there_are() -> None:
    (command,) = [words for words in COMMANDS if words[:2] == ["podman", "build"]]
    given = dict(itertools.pairwise(command))
    assert (ROOT / given["-f"]).samefile(K8S / "Containerfile")
    assert (ROOT / given["--ignorefile"]).is_file()
    argument, _, base = given["--build-arg"].partition("=")
    assert [argument] == read(K8S / "Containerfile").arguments
    assert "@sha256:" in base
