"""Calls in query templates, replaced as text so that the rest of a query stays as it is written."""

import re
from collections.abc import Callable
from dataclasses import dataclass

# Parentheses with the name of the function in front; strings and comments are skipped.
_PARENTHESES = re.compile(
    r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|\#[^\n]*'
    r"|(?P<open>(?<![\w:])(?P<name>[\w:]*)\s*\()|(?P<close>\))"
)


@dataclass(frozen=True, slots=True)
class Call:
    """Call in a query.

    Attributes:
        function: name of the function.
        argument: text between its parentheses, with the calls in it already replaced.
        outer_functions: names of the functions that the call is an argument of.
        is_enclosed: whether the call is all that is between two parentheses.
    """

    function: str
    argument: str
    outer_functions: tuple[str, ...]
    is_enclosed: bool


def replace_calls(template: str, render_call: Callable[[Call], str | None]) -> str:
    """Replace each call in a query by what `render_call` returns, inner ones first."""
    text, copied = "", 0
    opened: list[tuple[str, int, int]] = []  # function, start of the call and of its argument
    for token in _PARENTHESES.finditer(template):
        if not (token["open"] or token["close"]):
            continue
        text += template[copied : token.start()]
        copied = token.end()
        if token["open"]:
            opened.append((token["name"], len(text), len(text) + len(token["open"])))
            text += token["open"]
            continue
        function, start, argument_start = opened.pop()
        before, after = text[:start], template[token.end() :]
        is_enclosed = before.rstrip().endswith("(") and after.lstrip().startswith(")")
        outer_functions = tuple(name for name, _, _ in opened)
        rendered = render_call(Call(function, text[argument_start:], outer_functions, is_enclosed))
        text = f"{text})" if rendered is None else f"{before}{rendered}"
    return f"{text}{template[copied:]}".strip()
