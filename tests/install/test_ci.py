"""GitHub Action, pre-commit hooks and snippets of docs/ci.md, run without their services."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.install.environment import (
    ROOT,
    Environment,
    commit_files,
    copy_sources,
    link_packages,
)
from tests.schema.specs import build_slo, build_spec, dump_yaml

PAGE = (ROOT / "docs/ci.md").read_text()
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
BACKEND = [distribution("setuptools")]
WORKFLOW = "name: slos\n"


def read_snippet(start: str) -> Any:  # noqa: ANN401 - any document
    """Read the YAML of the page that begins with a text."""
    (found,) = [
        text
        for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        if text.startswith(start)
    ]
    return yaml.safe_load(found)


@dataclass(frozen=True, slots=True)
class UserRepository:
    """A repository with specs and rules that match them.

    Attributes:
        root: its folder.
        environment: the environment with slo-rules.
        runner: folder with files of the CI system.
    """

    root: Path
    environment: Environment
    runner: Path

    @property
    def variables(self) -> dict[str, str]:
        """Variables of its commands; slo-rules is on PATH."""
        path = f"{self.environment.root / 'bin'}:{ROOT / '.tools/usr/bin'}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.runner), "LC_ALL": "C.UTF-8"}

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command in bash, as the services do."""
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
            cwd=self.root,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def change_spec(self) -> None:
        """Change the objective of the SLO."""
        (self.root / "slos/shop.yaml").write_bytes(dump_yaml(build_spec(build_slo(objective=99.5))))


@pytest.fixture(scope="module")
def built_repository(base: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    found = UserRepository(folder / "repository", base, folder)
    (found.root / "slos").mkdir(parents=True)
    (found.root / "slos/shop.yaml").write_bytes(dump_yaml(build_spec()))
    assert found.run("slo-rules build").returncode == 0
    commit_files(found.root)
    return found.root


@pytest.fixture
def repository(base: Environment, built_repository: Path, tmp_path: Path) -> UserRepository:
    shutil.copytree(built_repository, tmp_path / "repository")
    return UserRepository(tmp_path / "repository", base, tmp_path)


@dataclass(frozen=True, slots=True)
class Job:
    """A job with the action."""

    repository: UserRepository
    inputs: Mapping[str, str]

    def run_step(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a step of the action."""
        (step,) = [step for step in ACTION["runs"]["steps"] if step["name"] == name]
        given = {
            variable: self.inputs[re.sub(r"\W|inputs", "", value.replace("-", "_"))]
            for variable, value in step["env"].items()
        }
        runner = self.repository.runner
        files = {name: str(runner / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        temp = {"RUNNER_TEMP": str(runner), "GITHUB_ACTION_PATH": str(ROOT)}
        return self.repository.run(step["run"], **files, **temp, **given)


@pytest.fixture
def job(repository: UserRepository) -> Job:
    """A job whose first step has installed slo-rules."""
    (repository.runner / "slo-rules").symlink_to(repository.environment.root)
    defaults = {name.replace("-", "_"): each["default"] for name, each in ACTION["inputs"].items()}
    return Job(repository, defaults | {"base": "HEAD"})


def test_the_action_installs_the_lock_and_then_itself() -> None:
    install = ACTION["runs"]["steps"][0]["run"]
    (lock,) = re.findall(r"\$GITHUB_ACTION_PATH/([\w.-]+)", install)
    assert "--require-hashes -r" in install
    assert (ROOT / lock).is_file()
    assert '--no-deps "$GITHUB_ACTION_PATH"' in install


def test_every_input_of_the_action_is_used_and_documented() -> None:
    used = set(re.findall(r"inputs\.([\w-]+)", str(ACTION["runs"])))
    assert used == set(ACTION["inputs"])
    assert set(re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE)) == used
    assert not re.search(r"\$\{\{", "".join(step["run"] for step in ACTION["runs"]["steps"]))


def test_the_action_passes_where_nothing_is_wrong(job: Job) -> None:
    checked = job.run_step("Check specs and rules")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    described = job.run_step("Describe the change")
    assert described.returncode == 0, described.stderr


def test_the_action_annotates_what_is_wrong_and_describes_the_change(job: Job) -> None:
    job.repository.change_spec()
    checked = job.run_step("Check specs and rules")
    assert checked.returncode == 1
    assert "::error file=rules/prometheus/shop.yaml::differs from the specs" in checked.stdout
    output = (job.repository.runner / "GITHUB_OUTPUT").read_text()
    assert ACTION["outputs"]["sarif"]["value"] == "${{ steps.check.outputs.sarif }}"
    sarif = yaml.safe_load(Path(output.strip().removeprefix("sarif=")).read_text())
    assert any("differs" in each["message"]["text"] for each in sarif["runs"][0]["results"])
    assert job.run_step("Describe the change").returncode == 0
    summary = (job.repository.runner / "GITHUB_STEP_SUMMARY").read_text()
    assert "| objective | <code>99.9 %</code> | <code>99.5 %</code> |" in summary


def test_the_workflow_of_the_page_uses_inputs_and_outputs_that_exist() -> None:
    (job,) = read_snippet(WORKFLOW)["jobs"].values()
    ours, sarif = job["steps"][1:]
    assert set(ours["with"]) <= set(ACTION["inputs"])
    output = sarif["with"]["sarif_file"]
    assert output == f"${{{{ steps.{ours['id']}.outputs.{next(iter(ACTION['outputs']))} }}}}"


def test_the_job_of_gitlab_passes_and_fails_as_it_should(repository: UserRepository) -> None:
    job = read_snippet("slo-rules:")["slo-rules"]
    script = "\n".join(job["script"])
    base = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD"}
    passed = repository.run(script, **base)
    assert passed.returncode == 0, passed.stderr
    assert (repository.root / job["artifacts"]["paths"][0]).is_file()
    repository.change_spec()
    assert repository.run(script, **base).returncode == 1


def test_the_makefile_of_the_page_builds_and_checks(repository: UserRepository) -> None:
    (makefile,) = re.findall(r"^```make\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (repository.root / "Makefile").write_text(makefile)
    repository.change_spec()
    assert repository.run("make check-rules").returncode == 2
    done = repository.run("make rules check-rules")
    assert done.returncode == 0, done.stderr


def test_what_flux_and_argo_cd_apply_is_what_a_build_writes(repository: UserRepository) -> None:
    flux = read_snippet("apiVersion: kustomize.toolkit.fluxcd.io")["spec"]["path"]
    argo = read_snippet("apiVersion: argoproj.io")["spec"]["source"]["path"]
    for path in {flux, argo, *re.findall(r"`\./(rules/\w+)`", PAGE)} - {"rules/grafana"}:
        assert (repository.root / path / "kustomization.yaml").is_file(), path
    assert (ROOT / "rules/grafana/kustomization.yaml").is_file()


@pytest.fixture
def hooks_source(tmp_path: Path) -> Path:
    """A repository with the hooks and all that is needed to install them."""
    source = tmp_path / "slo-monitor"
    copy_sources(source)
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", source)
    commit_files(source)
    return source


@pytest.mark.timeout(600)  # it installs the hooks, which a busy machine takes minutes for
def test_the_hooks_run_in_pre_commit(
    repository: UserRepository, hooks_source: Path, tmp_path: Path
) -> None:
    config = read_snippet("repos:")
    (ours,) = config["repos"]
    ours["repo"], ours["rev"] = str(hooks_source), "HEAD"
    assert {hook["id"] for hook in ours["hooks"]} == set(HOOKS)
    # Without a network, what the hooks need is on PYTHONPATH, the package that builds them too.
    links = tmp_path / "links"
    links.mkdir()
    link_packages([*repository.environment.distributions.values(), *BACKEND], links)
    for hook in ours["hooks"]:
        del hook["additional_dependencies"]
    (repository.root / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    variables = {
        "PIP_NO_COMPILE": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PYTHONPATH": str(links),
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "VIRTUALENV_OVERRIDE_APP_DATA": str(tmp_path / "app-data"),
    }
    run = f"git add --all && {sys.executable} -m pre_commit run"
    passed = repository.run(f"{run} --all-files", **variables)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    repository.change_spec()
    checked = repository.run(f"{run} slo-rules-check", **variables)
    assert checked.returncode == 1
    assert "differs from the specs" in checked.stdout
    built = repository.run(f"{run} slo-rules-build", **variables)
    assert built.returncode == 1
    assert "files were modified by this hook" in built.stdout
