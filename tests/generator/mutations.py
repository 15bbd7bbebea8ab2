"""Every way to break a rule a little: a number, a range, a comparison, a function, a label."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Zero stays zero: half as much again of nothing.
_NUMBER = re.compile(r"(?<![\w\".])(?!0(?![.\d]))(\d+(?:\.\d+)?)(?![\w\"])")
_RANGE = re.compile(r"\[(\w+)\]")
_COMPARISON = re.compile(r"(?<=\s)(>=|<=|==|!=|>|<)(?=\s)")
_TURNED: dict[str, str] = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}
_OUTSIDE_STRINGS = re.compile(r'"(?:\\.|[^"\\])*"')


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change to one key of a rule."""

    group: str
    index: int
    what: str
    rule: dict[str, Any]


def mutations(rules: dict[str, Any]) -> Iterator[Mutation]:
    """All changes to all rules of a file, one at a time."""
    for group in rules["groups"]:
        for index, rule in enumerate(group["rules"]):
            name = rule.get("record") or rule.get("alert")
            for what, changed in _of_rule(rule):
                yield Mutation(group["name"], index, f"{name}: {what}", changed)


def _of_rule(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for what, expr in _of_expression(rule["expr"]):
        yield what, {**rule, "expr": expr}
    for label, value in rule.get("labels", {}).items():
        labels = {**rule["labels"], label: f"{value}x"}
        yield f"label {label}", {**rule, "labels": labels}
    if "for" in rule:
        yield "for", {**rule, "for": "1h"}
        yield "no for", {key: value for key, value in rule.items() if key != "for"}


def _of_expression(expr: str) -> Iterator[tuple[str, str]]:
    strings = [found.span() for found in _OUTSIDE_STRINGS.finditer(expr)]

    def outside(found: re.Match[str]) -> bool:
        return not any(start <= found.start() < end for start, end in strings)

    for pattern, change in _CHANGES:
        for found in filter(outside, pattern.finditer(expr)):
            new = change(found.group(1))
            what = f"{found.group(0)} at {found.start()} becomes {new}"
            yield what, expr[: found.start()] + new + expr[found.end() :]


def _longer(length: str) -> str:
    """A range half as long again."""
    units = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
    parts = re.findall(r"(\d+)(ms|[wdhms])", length)
    return f"[{sum(int(number) * units[unit] for number, unit in parts) * 3 // 2}ms]"


def _other_number(text: str) -> str:
    return str(float(text) * 1.5)


_CHANGES = ((_NUMBER, _other_number), (_RANGE, _longer), (_COMPARISON, _TURNED.__getitem__))
