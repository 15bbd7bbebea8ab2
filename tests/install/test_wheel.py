"""The wheel in an environment of its own: what it brings, what it needs, what it finds."""

import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from slos.schema.extras import EXTRA_MODULES
from tests.install.environment import (
    PACKAGES,
    ROOT,
    Environment,
    list_installed_files,
    measure_size,
)
from tests.schema.specs import build_spec, dump_yaml

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONFIG = "target: {url: http://127.0.0.1:9/}\nspecs: [SPEC]\nprobes: {PROBES}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a user's with a spec."""
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos/shop.yaml").write_bytes(dump_yaml(build_spec()))
    return tmp_path


def write_config(environment: Environment, folder: Path, probes: str) -> None:
    text = CONFIG.replace("SPEC", str(environment.site / "slos/agent-sre.yaml"))
    (folder / "slo-probe.yaml").write_text(text.replace("PROBES", probes))


def test_the_wheel_has_every_module_and_every_file_beside_them(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packaged = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert "generator/outputs/runbooks/templates/page.md.j2" in wanted
    assert packaged == {*wanted, "slo_monitor.py"}


def test_the_rules_need_less_than_40_megabytes(base: Environment, tmp_path: Path) -> None:
    assert not {"aiohttp", "grafana-foundation-sdk", "numpy", "rich"} & set(base.distributions)
    assert measure_size(list_installed_files(base)) < 40e6
    checked = base.run("pip", "check", folder=tmp_path)
    assert checked.returncode == 0, checked.stdout


def test_every_extra_lists_the_modules_of_its_packages() -> None:
    modules: dict[str, set[str]] = {}
    for module, names in packages_distributions().items():
        for name in names:
            modules.setdefault(name.replace("_", "-").lower(), set()).add(module)
    assert set(EXTRAS) == {*EXTRA_MODULES, "all", "dev"}
    for extra, listed in EXTRA_MODULES.items():
        names = [Requirement(each).name for each in EXTRAS[extra]]
        found = [modules[name] for name in names if name != "slo-monitor"]
        assert set(listed) <= set().union(*found)
        assert [each for each in found if not each & set(listed)] == []


def test_commands_of_the_rules_need_no_extra(base: Environment, folder: Path) -> None:
    for command in (
        "check -o - --output sarif",
        "build --format operator -o out",
        "build --profile sloth -i slos -o sloth",
        "explain requests",
        "schema",
    ):
        done = base.run("slo-rules", *command.split(), folder=folder)
        assert done.returncode == 0, done.stderr


def test_a_build_has_dashboards_only_with_their_extra(
    base: Environment, extras: str, folder: Path
) -> None:
    for path, formats in (("", set()), (extras, {"grafana"})):
        done = base.run("slo-rules", "build", folder=folder, PYTHONPATH=path)
        assert done.returncode == 0, done.stderr
        found = {path.name for path in (folder / "rules").iterdir() if path.is_dir()}
        assert found == {"alertmanager", "operator", "prometheus", "runbooks", "tests"} | formats
        for checking in {path, extras}:
            checked = base.run("slo-rules", "check", folder=folder, PYTHONPATH=checking)
            assert checked.returncode == 0, checked.stderr


def test_dashboards_that_are_asked_for_name_their_extra(base: Environment, folder: Path) -> None:
    needs = "needs the extra grafana: pip install 'slo-monitor[grafana]'"
    named = base.run("slo-rules", "build", "--format", "grafana", folder=folder)
    assert (named.returncode, named.stdout) == (2, "")
    assert named.stderr.splitlines()[-1] == f"Error: --format grafana {needs}"
    (folder / "rules/grafana").mkdir(parents=True)
    for command in ("build", "check"):
        done = base.run("slo-rules", command, folder=folder)
        assert done.returncode == 2
        last = done.stderr.splitlines()[-1]
        assert last.startswith(f"Error: rules/grafana {needs}, or remove the folder")
    assert list((folder / "rules").iterdir()) == [folder / "rules/grafana"]
    doctor = base.run("slo-rules", "doctor", "--prometheus", "http://127.0.0.1:9", folder=folder)
    assert "extra" not in doctor.stderr


def test_the_prober_without_its_extra_says_what_to_install(base: Environment, folder: Path) -> None:
    write_config(base, folder, "remediation: {}")
    for command in ("check", "run"):
        done = base.run("slo-probe", command, "--config", "slo-probe.yaml", folder=folder)
        assert (done.returncode, done.stdout) == (1, "")
        said = "error: slo-probe needs the extra probe: pip install 'slo-monitor[probe]'\n"
        assert done.stderr == said
    assert base.run("slo-probe", "--help", folder=folder).returncode == 0


def test_the_prober_judges_leaks_only_with_their_extra(
    base: Environment, extras: str, folder: Path
) -> None:
    write_config(base, folder, "leak: {}")
    done = base.run(
        "slo-probe", "check", "--config", "slo-probe.yaml", folder=folder, PYTHONPATH=extras
    )
    assert done.returncode == 1
    assert done.stderr.startswith("slo-probe.yaml:3:")
    assert "needs the extra leak: pip install 'slo-monitor[leak]'" in done.stderr


def test_packages_of_the_user_with_our_names_change_nothing(
    base: Environment, extras: str, folder: Path
) -> None:
    for name in PACKAGES:
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "__init__.py").write_text("raise SystemExit('not ours')\n")
        (folder / "theirs" / name / "schema").mkdir(parents=True)
    write_config(base, folder, "remediation: {}")
    path = {"PYTHONPATH": f"{folder / 'theirs'}:.:{extras}"}
    built = base.run("slo-rules", "build", folder=folder, **path)
    assert built.returncode == 0, built.stderr
    done = base.run("slo-probe", "check", "--config", "slo-probe.yaml", folder=folder, **path)
    assert "stages with a target: 6" in done.stdout, done.stderr


def test_both_programs_have_one_form_of_version_and_completion(
    base: Environment, tmp_path: Path
) -> None:
    for program in ("slo-rules", "slo-probe"):
        done = base.run(program, "--version", folder=tmp_path)
        assert done.stdout == f"{program} {PROJECT['version']}\n"
        variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
        done = base.run(program, folder=tmp_path, **{variable: "bash_source"})
        assert "complete -o nosort -F" in done.stdout
