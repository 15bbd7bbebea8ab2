"""Faults of both simulators: parser, active faults, and the page `/fault` that replaces them."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Self, TypeVar

from aiohttp import web

_HTTP_BAD = 400
FAULT_PATH = "/fault"
MAX_SECONDS = 86_400.0
"""Maximum of a value in seconds: a day is longer than any timeout or clock skew."""


@dataclass(frozen=True, kw_only=True)
class ValueFault:
    """Declaration of a fault with a number, written `<name>:<number>`."""

    name: str
    needs: str
    """Text of the valid numbers, for error messages."""
    minimum: float = 0.0
    maximum: float = MAX_SECONDS
    is_whole: bool = False
    """The number is written in digits only."""
    neutral: float | None = 0.0
    """Number that has no effect and is not kept; None when every number has one."""

    def parse(self, text: str) -> float:
        """Parse the number.

        Raises:
            ValueError: this is no number, or it is out of range.
        """
        try:
            number = float(text) if text.isdecimal() or not self.is_whole else math.nan
        except ValueError:
            number = math.nan
        if not (text.isascii() and self.minimum <= number <= self.maximum):
            raise ValueError(f"fault '{self.name}:{text}' needs {self.needs}")
        return number


@dataclass(frozen=True, kw_only=True)
class FaultSet:
    """Immutable set of faults; an event or a request keeps the set it started with.

    A subclass declares the faults of a simulator.
    """

    FLAGS: ClassVar[tuple[str, ...]]
    """Faults without a number."""
    VALUES: ClassVar[tuple[ValueFault, ...]]
    """Faults with a number."""
    VALID: ClassVar[str]
    """List of the valid faults, for error messages."""

    flags: frozenset[str] = frozenset()
    values: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Parse faults, each text one or several separated by commas; `none` clears those before.

        Raises:
            ValueError: a fault is unknown or its number invalid; the text lists the valid ones.
        """
        declared = {fault.name: fault for fault in cls.VALUES}
        flags: set[str] = set()
        values: dict[str, float] = {}
        for item in (item.strip() for text in texts for item in text.split(",")):
            name, _, number = item.rpartition(":")
            if item == "none":
                flags, values = set(), {}
            elif item in cls.FLAGS:
                flags.add(item)
            elif name in declared:
                values[name] = cls._parse_number(declared[name], number)
            else:
                raise ValueError(f"unknown fault {item!r}; valid faults: {cls.VALID}")
        kept = {name: each for name, each in values.items() if each != declared[name].neutral}
        return cls(flags=frozenset(flags), values=MappingProxyType(kept))

    @classmethod
    def _parse_number(cls, fault: ValueFault, text: str) -> float:
        try:
            return fault.parse(text)
        except ValueError as error:
            raise ValueError(f"{error}; valid faults: {cls.VALID}") from None

    def to_texts(self) -> list[str]:
        """Return the faults as texts; `parse(self.to_texts())` gives `self`."""
        names = [fault.name for fault in self.VALUES if fault.name in self.values]
        return [
            *(flag for flag in self.FLAGS if flag in self.flags),
            *(f"{name}:{self.values[name]:.15g}" for name in names),
        ]


AnyFaultSet = TypeVar("AnyFaultSet", bound=FaultSet)


class ActiveFaults(Generic[AnyFaultSet]):
    """Faults of a running simulator; they can be replaced at any time."""

    def __init__(self, faults: AnyFaultSet) -> None:
        self.active = faults

    def set(self, *texts: str) -> None:
        """Replace all faults; no text, or `none`, clears them.

        Raises:
            ValueError: as `FaultSet.parse`.
        """
        self.active = self.active.parse(texts)


class FaultPage:
    """Page that shows and replaces the faults of a simulator."""

    def __init__(self, faults: ActiveFaults[Any]) -> None:
        self._faults = faults

    def add_to(self, app: web.Application) -> None:
        """Add the page to an application."""
        app.router.add_get(FAULT_PATH, self._show)
        app.router.add_post(FAULT_PATH, self._replace)

    async def _show(self, _request: web.Request) -> web.Response:
        return web.json_response({"faults": self._faults.active.to_texts()})

    async def _replace(self, request: web.Request) -> web.Response:
        try:
            self._faults.set(*self._parse_texts(await request.read()))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=_HTTP_BAD)
        return await self._show(request)

    def _parse_texts(self, body: bytes) -> list[str]:
        """Parse plain text, or JSON `{"faults": [...]}`; raises ValueError for neither."""
        text = body.decode().strip()
        if not text.startswith(("{", "[", '"')):
            return [text]
        document = json.loads(text)
        faults = document.get("faults") if isinstance(document, dict) else None
        if not isinstance(faults, list) or not all(isinstance(fault, str) for fault in faults):
            valid = self._faults.active.VALID
            raise ValueError(f'expected {{"faults": ["<fault>", ...]}}; valid faults: {valid}')
        return faults
