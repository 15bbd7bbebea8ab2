"""Commands in the documentation: each is run, or parsed by its program."""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from exporter.cli import main as slo_probe
from exporter.devstack.stack import find_binary
from generator.cli import main as slo_rules
from tests.docs_pages import (
    PAGES,
    ROOT,
    DocBlock,
    DocCommand,
    list_blocks,
    list_commands,
    list_inline_commands,
)
from tests.generator.fake_ruler import FakeRuler, serve_ruler

_PROGRAMS = {"slo-rules": slo_rules, "slo-probe": slo_probe}
# Not run, for what they are: make runs this test, the others belong to somebody else.
_NOT_OURS = {
    "make": "its targets are looked up in test_docs.py",
    "kubectl": "needs a cluster; its paths are looked up here",
    "pip": "installs the wheel, as tests/install does",
    "podman": "builds the image; tests/k8s reads what it is built by",
    "sloth": "another program, shown beside ours",
    "curl": "needs the program it asks",
}
# These need agent-sre, or go on until they are stopped; tests/e2e runs them.
_GO_ON = re.compile(
    r"(slo-probe (run|once|simulate|simulate-linear|scenario|campaign)|slo-rules serve)"
    r"\b(?!.*--help)"
)
_FOR_A_SHELL = re.compile(r"[|&;<>()$`*?\n]")


@pytest.fixture
def docs_folder(tmp_path: Path) -> Path:
    """A folder as the pages assume it: the repository's specs and rules, and files of a user's.

    Of the rules' tests there are but two, for `slo-rules test`; all are run elsewhere.
    """
    folder = tmp_path
    for name in ("slos", "rules", "docs"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "slo-rules.yaml", folder)
    tests = sorted((folder / "rules/tests").rglob("*.yaml"))
    for path in tests[2:]:
        path.unlink()
    concepts = _get_block(list_blocks("yaml"), "concepts.md")
    configuration = next(each for each in list_blocks("yaml") if each.text.startswith("target:"))
    (folder / "concepts.yaml").write_text(concepts.text)
    (folder / "api.yaml").write_text(concepts.text.replace("shop", "api"))
    (folder / "new.yaml").write_text(concepts.text.replace("shop", "new"))
    (folder / "slo-probe.yaml").write_text(configuration.text)
    shutil.copy(folder / "rules/alertmanager/alertmanager.yml", folder)
    (folder / "specs").mkdir()
    (folder / "specs/shop.yaml").write_text(concepts.text)
    return folder


def commit_specs(folder: Path) -> None:
    commit = ("-c", "user.name=reader", "-c", "user.email=reader@example.org", "commit", "-qm", "x")
    for arguments in (("init", "-q"), ("add", "slos"), commit):
        subprocess.run(("git", *arguments), cwd=folder, check=True)


def _get_block(found: list[DocBlock], page: str) -> DocBlock:
    (block,) = [each for each in found if each.page.name == page]
    return block


def _list_our_commands() -> list[object]:
    return [pytest.param(each, id=each.id) for each in list_commands() if _is_ours(each)]


def _is_ours(command: DocCommand) -> bool:
    return command.line.split()[0] not in _NOT_OURS and not _GO_ON.match(command.line)


def test_the_pages_show_commands_of_both_programs() -> None:
    first = {each.line.split()[0] for each in list_commands()}
    assert {"slo-rules", "slo-probe", "make"} <= first


@pytest.mark.parametrize("command", _list_our_commands())
def test_every_command_that_is_shown_does_what_it_says(
    command: DocCommand, docs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promtool = find_binary("promtool")
    assert promtool, "promtool is missing; run 'make tools'"
    if "slo-rules diff" in command.line:
        commit_specs(docs_folder)
    path = [str(Path(sys.executable).parent), str(promtool.parent), os.environ["PATH"]]
    environment = {**os.environ, "PATH": ":".join(path), "LINEAR_API_KEY": "lin_api_of_the_docs"}
    monkeypatch.chdir(docs_folder)
    with serve_ruler(FakeRuler()) as ruler:
        code, stdout, said = _run_command(
            command.line.replace("http://mimir:8080", ruler.url), environment
        )
    assert "Traceback" not in said
    # 1 says that something would change, was found, or needs a Prometheus, 3 that nothing is
    # known without one: a result, not a failure.
    assert code in (
        (0, 1, 3)
        if re.search(
            r"--dry-run| (backfill|backtest|check|doctor|report|status|suggest)\b", command.line
        )
        else (0,)
    ), said
    if command.expected_output:
        _assert_prints(stdout, command.expected_output)


def _run_command(line: str, environment: dict[str, str]) -> tuple[int, str, str]:
    """Run a command as the reader types it; return its exit code, its stdout and all its output.

    A program of ours runs in this process, unless the line is for a shell.
    """
    program, *arguments = shlex.split(line)
    if program in _PROGRAMS and not _FOR_A_SHELL.search(line):
        result = CliRunner().invoke(
            _PROGRAMS[program], arguments, prog_name=program, env=environment
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.output
    done = subprocess.run(  # noqa: S602 - in a shell
        line, shell=True, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout, done.stdout + done.stderr


def _assert_prints(output: str, prints: tuple[str, ...]) -> None:
    pattern = "\n".join(".*" if line == "..." else re.escape(line) for line in prints)
    pattern = pattern.replace("\n.*\n", r"\n(?:.*\n)*?").removesuffix("\n.*")
    assert re.search(f"^{pattern}", output, re.MULTILINE), output


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(each, id=each.id)
        for each in (*list_commands(), *list_inline_commands())
        if each.line.split()[0] in _PROGRAMS
    ],
)
def test_the_program_knows_the_command_and_its_options(command: DocCommand) -> None:
    program, *arguments = shlex.split(re.split(r" [|>&] ?", command.line)[0])
    words = [argument for argument in arguments if argument not in ("...", "…")]
    _check_command_line(_PROGRAMS[program], words)


def _check_command_line(program: click.Command, arguments: list[str]) -> None:
    """Every word before the options names a command, and its help names every option."""
    named = list(itertools.takewhile(lambda word: not word.startswith("-"), arguments))
    while named and "--help" not in arguments:
        told = CliRunner().invoke(program, [*named, "--help"])
        if told.exit_code == 0:
            break
        named.pop()  # an argument of the command, not a command
    else:
        told = CliRunner().invoke(program, ["--help"])
    assert named or not arguments or arguments[-1] == "--help", arguments
    for argument in arguments:
        if argument.startswith("-") and argument != "-":
            assert re.search(rf"(?<![\w-]){re.escape(argument.split('=')[0])}\b", told.output)


_KUBECTL_FOLDER = r"kubectl \w+ (?:--server-side )?-[kf] ([^\s`]+)"


def test_what_kubectl_is_given_is_there() -> None:
    given = {
        docs_folder
        for page in PAGES
        for docs_folder in re.findall(
            r"kubectl \w+ (?:--server-side )?-[kf] ([^\s`]+)", page.read_text()
        )
    }
    assert given
    for docs_folder in given - {"out"}:
        path = ROOT / docs_folder
        assert (path / "kustomization.yaml").exists() or path.is_file(), docs_folder


def test_commands_of_others_are_few_and_known() -> None:
    known = {*_PROGRAMS, *_NOT_OURS, "promtool", "amtool"}
    assert {each.line.split()[0] for each in list_commands()} <= known
