"""Setters of kpt: values in lines of YAML files that are marked with `# kpt-set: PATTERN`.

The pattern gives the value of the line, with `${name}` for the value of a setter. The files are
valid with the values that they have.
"""

import re
from collections.abc import Mapping

from generator.text.yaml_writer import format_name
from slos.schema.problem import Position, Problem

_MARK = "# kpt-set:"
_LINE = re.compile(
    r"(?P<key>\s*(?:- +)?[^\s:#'\"{\[-][^\s:]*: +|\s*- +)(?P<value>[^\s#{\[].*?) +"
    rf"{_MARK} (?P<pattern>\S.*)"
)
_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_ADDRESS = re.compile(r"[a-z][a-z0-9]*:[\w./:-]*[\w/]")


def apply_setters(text: str, setters: Mapping[str, str], file: str) -> tuple[str, list[Problem]]:
    """Set the value of each marked line; return the text and the problems.

    Args:
        text: text of a YAML file.
        setters: values by name.
        file: path of the file, for problems.
    """
    lines, problems = text.split("\n"), []
    for index, line in enumerate(lines):
        if _MARK not in line:
            continue
        position = Position(file, index + 1, line.index(_MARK) + 1)
        found = _LINE.fullmatch(line)
        if not found:
            message = f"{_MARK} needs a line with one value"
            hint = "write 'key: value # kpt-set: ${name}', or an item of a list in this form"
            problems.append(Problem(position, message, hint))
            continue
        names = _REFERENCE.findall(found["pattern"])
        for name in names:
            if name not in setters:
                hint = f"known: {', '.join(sorted(setters))}"
                problems.append(Problem(position, f"unknown setter {name!r}", hint))
        value = _REFERENCE.sub(lambda use: setters.get(use[1], ""), found["pattern"])
        mark = line[found.end("value") :]
        lines[index] = f"{found['key']}{_format_value(value)}{mark}"
    return "\n".join(lines), problems


def _format_value(value: str) -> str:
    """Write an address or a digest as the manifests have it, without quotes."""
    return value if _ADDRESS.fullmatch(value) else format_name(value)
