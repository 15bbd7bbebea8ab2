"""Texts with slots, and rules whose texts have slots; filling slots is quicker than building."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import overload
from uuid import uuid4

from generator.model import AlertingRule, RecordingRule, Rule

# No text of a spec contains it.
_MARK = f"slot{uuid4().hex}"
_SLOT = re.compile(f"{_MARK}_([0-9]+)_")
_SEPARATOR = f"{_MARK}|"


def format_slot(number: int) -> str:
    """Format the slot of a text, by its index."""
    return f"{_MARK}_{number}_"


class SlottedText:
    """Text with slots."""

    def __init__(self, text: str) -> None:
        self._parts = _SLOT.split(text)
        self._numbers = list(map(int, self._parts[1::2]))

    def fill(self, texts: Sequence[str]) -> str:
        """Fill each slot with its text."""
        parts = self._parts.copy()
        parts[1::2] = [texts[number] for number in self._numbers]
        return "".join(parts)


class SlottedRules:
    """Rules whose texts have slots.

    Attributes:
        rules: the rules with slots.
        rendered: the rules as they are written to a file, by their margin.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.rendered: dict[str, SlottedText] = {}
        self._text = SlottedText(
            _SEPARATOR.join(text for rule in self.rules for text in _list_texts(rule))
        )

    def fill(self, texts: Sequence[str]) -> tuple[Rule, ...]:
        """Fill the slots of all rules."""
        filled = iter(self._text.fill(texts).split(_SEPARATOR))
        return tuple(_replace_texts(rule, filled) for rule in self.rules)


class FilledRules(Sequence[Rule]):
    """Rules whose slots are filled when they are read.

    Attributes:
        slotted: the rules with slots.
        texts: the text of each slot.
    """

    def __init__(self, slotted: SlottedRules, texts: Sequence[str]) -> None:
        self.slotted, self.texts = slotted, texts
        self._rules: tuple[Rule, ...] | None = None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules with their texts."""
        if self._rules is None:
            self._rules = self.slotted.fill(self.texts)
        return self._rules

    @overload
    def __getitem__(self, index: int) -> Rule: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Rule]: ...
    def __getitem__(self, index: int | slice) -> Rule | Sequence[Rule]:
        return self.rules[index]

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.slotted.rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self.rules == tuple(other)

    __hash__ = None  # type: ignore[assignment] # as of the rules, whose labels are mappings

    def __reduce__(self) -> tuple[type[tuple[Rule, ...]], tuple[tuple[Rule, ...]]]:
        return tuple, (self.rules,)


def _list_texts(rule: Rule) -> Iterator[str]:
    """List the texts of a rule in the order in which `_replace_texts` takes them."""
    yield rule.expr
    yield from rule.labels.values()
    if isinstance(rule, AlertingRule):
        yield rule.alert
        yield from rule.annotations.values()


def _replace_texts(rule: Rule, texts: Iterator[str]) -> Rule:
    expr, labels = next(texts), {name: next(texts) for name in rule.labels}
    if isinstance(rule, RecordingRule):
        return RecordingRule(rule.record, expr, labels)
    alert, annotations = next(texts), {name: next(texts) for name in rule.annotations}
    return AlertingRule(alert, expr, labels, annotations, rule.for_, rule.keep_firing_for)
