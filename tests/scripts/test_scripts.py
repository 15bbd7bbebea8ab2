"""Runner of script tests: commands, input files and expected output in one text file.

A script is a sentence that says what must hold, then any number of:

    -- path --      a file in the script's folder; its content ends at the next `-- ` or `$ ` line
    $ command       `slo-rules` and `slo-probe` run in this process, anything else in a shell;
                    `slo-rules ... | filter` gives the standard output to a shell
    $ cd folder     the folder of the commands that follow
    > text          a line of standard output; a last line without a newline is followed by `\\`
    ! text          a line of standard error
    ? 1             the exit status; a shell command shows it only when it is not 0

Other lines are prose. Each script starts in an empty folder with a clean environment. `$ROOT` is
this repository and `$PWD` the folder, in commands as in output. `make goldens` rewrites the output.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import click
import pytest
from click.testing import CliRunner

from exporter.cli import main as slo_probe
from generator.cli import main as slo_rules

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCRIPTS = sorted(HERE.rglob("*.txt"))
PROGRAMS: dict[str, click.Command] = {"slo-rules": slo_rules, "slo-probe": slo_probe}
OUTPUT = (">", "!", "?", "\\")


@dataclass(frozen=True)
class CommandResult:
    """A finished command; the status is None when it need not be shown."""

    stdout: str
    stderr: str
    status: int | None


def render_script(script: str, folder: Path) -> str:
    """Run a script in a folder, and return it with the output that its commands have now."""
    rendered: list[str] = []
    lines = iter(script.splitlines())
    line = next(lines, None)
    while line is not None:
        rendered.append(line)
        following = next(lines, None)
        if line.startswith("-- ") and line.endswith(" --"):
            content: list[str] = []
            while following is not None and not following.startswith(("-- ", "$ ")):
                content.append(following)
                following = next(lines, None)
            rendered += content
            write_input(folder / line[3:-3], content)
        elif line.startswith("$ "):
            while following is not None and following.startswith(OUTPUT):
                following = next(lines, None)
            rendered += render_output(run_command(line[2:]), folder)
        line = following
    return "".join(f"{line}\n" for line in rendered)


def write_input(path: Path, content: list[str]) -> None:
    text = "\n".join(content).rstrip("\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n" if text else "", encoding="utf-8")


def render_output(ended: CommandResult, folder: Path) -> Iterator[str]:
    for mark, text in ((">", ended.stdout), ("!", ended.stderr)):
        if text:
            shown = text.replace(str(folder), "$PWD").replace(str(ROOT), "$ROOT")
            lines = shown.removesuffix("\n").split("\n")
            yield from (f"{mark} {line}" if line else mark for line in lines)
            if not shown.endswith("\n"):
                yield "\\"
    if ended.status is not None:
        yield f"? {ended.status}"


def run_command(command: str) -> CommandResult:
    line, _, shell_filter = command.partition(" | ")
    words = shlex.split(line)
    variables = {}
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    if words[:1] == ["cd"] and len(words) == 2:
        os.chdir(words[1])
        return CommandResult("", "", None)
    if not words or words[0] not in PROGRAMS:
        shell = run_shell(command)
        return CommandResult(shell.stdout, shell.stderr, shell.status or None)
    ended = run_program(*words, variables=variables)
    if not shell_filter:
        return ended
    shell = run_shell(shell_filter, ended.stdout)
    return CommandResult(shell.stdout, ended.stderr + shell.stderr, ended.status)


def run_program(name: str, *words: str, variables: dict[str, str]) -> CommandResult:
    args = [word.replace("$ROOT", str(ROOT)).replace("$PWD", str(Path.cwd())) for word in words]
    result = CliRunner().invoke(PROGRAMS[name], args, prog_name=name, env=variables)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return CommandResult(result.stdout, result.stderr, result.exit_code)


def run_shell(command: str, given: str = "") -> CommandResult:
    done = subprocess.run(
        ["sh", "-c", command], input=given, capture_output=True, encoding="utf-8", check=False
    )
    return CommandResult(done.stdout, done.stderr, done.returncode)


def build_environment(folder: Path) -> dict[str, str]:
    places = [Path(sys.executable).parent, os.environ["PATH"], ROOT / ".tools" / "usr" / "bin"]
    # A plug-in that is rewritten within a second may have the same size and time as before.
    here = {"HOME": str(folder), "PWD": str(folder), "ROOT": str(ROOT)}
    here["PYTHONDONTWRITEBYTECODE"] = "1"
    tools = os.pathsep.join(map(str, places))
    return {"PATH": tools, "COLUMNS": "80", "LC_ALL": "C.UTF-8", **here}


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(HERE))) for p in SCRIPTS])
def test_a_script_has_exactly_its_output(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = path.read_text(encoding="utf-8")
    with mock.patch.dict(os.environ, build_environment(tmp_path), clear=True):
        rendered = render_script(script, tmp_path)
    if os.environ.get("UPDATE_GOLDENS"):
        path.write_text(rendered, encoding="utf-8", newline="\n")
        script = rendered
    assert "\n? " in script, "no command of slo-rules or slo-probe has an expected exit status"
    assert rendered == script


def test_every_script_begins_with_a_sentence() -> None:
    for path in SCRIPTS:
        sentence = path.read_text(encoding="utf-8").partition("\n\n")[0]
        assert sentence.endswith("."), path
        assert not sentence.startswith(("-- ", "$ ")), path
