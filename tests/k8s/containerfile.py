"""A Containerfile read into stages: just as much of the format as ours uses."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

_INSTRUCTIONS = {
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "RUN", "USER", "WORKDIR",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands between two FROM."""

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
    for line in _logical(path.read_text()):
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


def _logical(text: str) -> list[str]:
    """Lines without comments, those that go on joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [line for line in joined.splitlines() if line.strip()]
