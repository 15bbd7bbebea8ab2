"""Containerfile and Kubernetes page: pinned versions, content of the images, documented names."""

import fnmatch
import itertools
import json
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.install.environment import SOURCES
from tests.k8s.kustomize import find_kubectl
from tests.k8s.loopback_config import IN_THE_IMAGE
from tests.k8s.manifests import (
    COMPONENTS,
    K8S,
    OVERLAYS,
    ROOT,
    build_objects,
    build_overlay,
    build_with_component,
)
from tests.k8s.test_k8s_overlays import VERSIONS

_INSTRUCTIONS = {
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "RUN", "USER", "WORKDIR",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """Stage of a Containerfile, up to the next FROM."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def every(self, instruction: str) -> list[str]:
        """The arguments of each such instruction."""
        return [text for name, text in self.steps if name == instruction]

    def words(self, instruction: str) -> list[str]:
        """The one such instruction in exec form."""
        (text,) = self.every(instruction)
        words = json.loads(text)
        assert all(isinstance(word, str) for word in words)
        return list(words)


@dataclass(frozen=True, slots=True)
class Containerfile:
    """The arguments before the first stage, and the stages."""

    arguments: list[str]
    stages: list[Stage]


def read(path: Path) -> Containerfile:
    """Read a file; an instruction that is not known here is a fault."""
    found = Containerfile([], [])
    for line in _join_lines(path.read_text()):
        name, _, text = line.partition(" ")
        assert name in _INSTRUCTIONS, f"{path.name}: {name}"
        if name == "FROM":
            base, _, alias = text.partition(" AS ")
            found.stages.append(Stage(base, alias))
        elif found.stages:
            found.stages[-1].steps.append((name, text.strip()))
        else:
            assert name == "ARG", f"{name} before the first FROM"
            found.arguments.append(text)
    return found


def _join_lines(text: str) -> list[str]:
    """Lines without comments, those that go on joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [line for line in joined.splitlines() if line.strip()]


FILE = read(K8S / "Containerfile")
STAGES = {stage.name: stage for stage in FILE.stages}
PROGRAMS = ("slo-rules", "slo-probe")
BUILD, RUNTIME, FINAL = STAGES["build-slo-rules"], STAGES["runtime"], STAGES["slo-probe"]
LOCKS = {"slo-rules": "requirements-rules.lock", "slo-probe": "requirements.lock"}


def _list_sources(stage: Stage) -> list[str]:
    """List the files that a stage copies from the repository."""
    copies = [text.split() for text in stage.every("COPY")]
    return [source for words in copies if "--from" not in words[0] for source in words[:-1]]


def test_all_stages_begin_at_one_base_that_has_no_default() -> None:
    assert FILE.arguments == ["BASE"]
    assert [stage.base for stage in FILE.stages if stage.base not in STAGES] == ["${BASE}"] * 2


def test_each_program_is_a_target_and_the_prober_is_the_default() -> None:
    assert [stage.name for stage in FILE.stages if stage.base == "runtime"] == list(PROGRAMS)
    assert FILE.stages[-1].name == "slo-probe"
    for program in PROGRAMS:
        assert STAGES[program].words("ENTRYPOINT") == [f"/opt/slo-monitor/bin/{program}"]


@pytest.mark.parametrize(
    ("base", "code"),
    [
        (f"python@sha256:{'0' * 64}", 0),
        (f"python:slim@sha256:{'0' * 64}", 0),
        ("python:slim", 1),
        ("python@sha256:", 1),
        ("", 1),
    ],
)
def test_a_base_without_a_digest_is_refused(base: str, code: int) -> None:
    pinned = next(text for text in BUILD.every("RUN") if "sha256" in text)
    done = subprocess.run(
        ["/bin/sh", "-c", pinned], env={"BASE": base}, capture_output=True, check=False
    )
    assert done.returncode == code


def test_no_registry_and_no_index_is_named() -> None:
    text = "\n".join(f"{name} {rest}" for s in FILE.stages for name, rest in s.steps)
    assert "://" not in text
    assert not re.search(r"--\S*index|[a-z]\.(io|com|org|dev)/", text)


def test_every_distribution_is_a_wheel_with_the_hash_of_the_lock() -> None:
    for program, lock in LOCKS.items():
        runs = STAGES[f"build-{program}"].every("RUN")
        locked, *ours = [text for text in runs if " install " in text]
        assert {"--only-binary=:all:", "--require-hashes"} <= set(locked.split())
        assert f"-r {lock}" in locked
        assert "uninstall --yes setuptools" in runs[-1]
        assert all({"--no-build-isolation", "--no-deps"} <= set(each.split()) for each in ours)


def test_the_smaller_lock_has_versions_of_the_larger_one() -> None:
    small, large = (
        dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in LOCKS.values()
    )
    assert small.items() < large.items()


def test_nothing_is_installed_in_the_final_stages_and_pip_is_gone() -> None:
    runs = [run for name in ("runtime", *PROGRAMS) for run in STAGES[name].every("RUN")]
    assert not any(re.search(r"\b(install|apt-get|apk|gcc|curl)\b", run) for run in runs)
    assert any("pip uninstall --yes" in run and "ensurepip" in run for run in runs)
    assert any("venv --without-pip /opt/slo-monitor" in run for run in BUILD.every("RUN"))
    for program in PROGRAMS:
        assert [text for text in STAGES[program].every("COPY") if "--from" in text] == [
            f"--from=build-{program} /opt/slo-monitor /opt/slo-monitor"
        ]


def test_the_image_runs_as_the_number_that_the_pods_name() -> None:
    (user,) = RUNTIME.every("USER")
    assert not [name for program in PROGRAMS for name, _ in STAGES[program].steps if name == "RUN"]
    for name in OVERLAYS:
        for _, pod in build_overlay(name).list_pods():
            context = pod["spec"]["securityContext"]
            assert user == f"{context['runAsUser']}:{context['runAsGroup']}"


def test_the_image_says_which_ports_the_pod_has() -> None:
    exposed = {int(port) for text in FINAL.every("EXPOSE") for port in text.split()}
    assert exposed == {port["containerPort"] for port in build_overlay("studio").container["ports"]}


def test_the_targets_lie_where_every_configuration_looks() -> None:
    assert f"slos/*.yaml {IN_THE_IMAGE}/" in FINAL.every("COPY")
    for name in OVERLAYS:
        for spec in build_overlay(name).config["specs"]:
            assert (ROOT / "slos" / spec.removeprefix(f"{IN_THE_IMAGE}/")).is_file()


def test_the_context_is_what_is_copied_and_nothing_else() -> None:
    lines = (K8S / "Containerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    taken = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {source.split("/")[0] for stage in FILE.stages for source in _list_sources(stage)}
    assert taken == copied
    for source in copied:
        assert (ROOT / source).exists()
        assert not fnmatch.fnmatch(source, ".*")


def test_what_is_copied_is_what_the_wheel_is_built_of() -> None:
    """tests/install builds the wheel of these files, and runs both programs."""
    built = set(SOURCES) - {".ci", "CHANGELOG.md", "MANIFEST.in"}
    assert set(_list_sources(BUILD)) == built | set(LOCKS.values())


PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"(?:^    .+\n)+", PAGE, re.MULTILINE)
    for line in block.replace("\\\n", " ").splitlines()
]


def _list_first_cells() -> str:
    return "\n".join(line.split("|")[1] for line in PAGE.splitlines() if line.startswith("|"))


def test_the_page_names_every_object_that_is_applied() -> None:
    named = re.findall(r"\b([A-Z][A-Za-z]+) `([^`]+)`", _list_first_cells())
    for each in build_overlay("studio").objects:
        kind, name = each["kind"], each["metadata"]["name"]
        assert any(kind == other and fnmatch.fnmatch(name, pattern) for other, pattern in named), (
            f"{kind} {name}"
        )


def test_the_page_names_every_overlay_and_every_component() -> None:
    cells = set(re.findall(r"`([^`]+)`", _list_first_cells()))
    assert {*OVERLAYS, *COMPONENTS} <= cells


def test_the_page_says_for_which_kubernetes_it_is_checked() -> None:
    assert f"Kubernetes {VERSIONS[0]} or newer" in PAGE
    assert f"Kubernetes {' and '.join(VERSIONS)}" in PAGE


def test_each_path_that_the_page_applies_is_an_overlay() -> None:
    folders = [words[words.index("-k") + 1] for words in COMMANDS if "-k" in words]
    assert folders
    for folder in folders:
        assert build_objects(ROOT / folder)


def test_the_secret_that_the_page_makes_is_the_one_that_pods_wait_for(tmp_path: Path) -> None:
    program = find_kubectl()
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
        (wanted,) = [
            v["secret"] for v in build_overlay(name).prober["spec"]["volumes"] if "secret" in v
        ]
        assert secret["metadata"] == {
            "name": wanted["secretName"],
            "namespace": "prometheus",
            **{k: v for k, v in secret["metadata"].items() if k == "creationTimestamp"},
        }
        assert list(secret["data"]) == [item["key"] for item in wanted["items"]]


def test_the_certificate_of_the_page_is_used(tmp_path: Path) -> None:
    pod = dict(build_with_component("linear-stand-in", tmp_path).list_pods())["linear-stand-in"]
    (volume,) = pod["spec"]["volumes"]
    assert f"create secret tls {volume['secret']['secretName']} -n prometheus" in PAGE


def test_the_jobs_that_the_page_begins_by_hand_are_there() -> None:
    jobs = [word for words in COMMANDS for word in words if word.startswith("--from=cronjob/")]
    assert jobs
    for each in jobs:
        assert build_overlay("dev").get_object("CronJob", each.partition("/")[2])


def test_the_image_is_built_by_the_files_and_the_argument_there_are() -> None:
    commands = [words for words in COMMANDS if words[:2] == ["podman", "build"]]
    assert commands
    for command in commands:
        given = dict(itertools.pairwise(command))
        assert (ROOT / given["-f"]).samefile(K8S / "Containerfile")
        assert (ROOT / given["--ignorefile"]).is_file()
        argument, _, base = given["--build-arg"].partition("=")
        assert [argument] == FILE.arguments
        assert "@sha256:" in base
        assert given["--target"] in PROGRAMS
