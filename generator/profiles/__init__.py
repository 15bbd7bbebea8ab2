"""The rule profiles; the folder is the registry, one file each.

A profile module has a `NAME` and turns a spec into rule groups with `plan(located, defaults)`.
What its rules cannot do with a spec is a problem only there.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from generator.defaults import Defaults
from generator.model import SLO, Part
from generator.sloth.model import SlothSLO
from slos.schema.located import LocatedSpec
from slos.schema.problem import Problem


@dataclass(frozen=True, slots=True)
class Planned:
    """What one spec comes to."""

    slos: tuple[SLO | SlothSLO, ...]
    part: Part
    problems: tuple[Problem, ...]


class Profile(Protocol):
    """What a file in this folder offers."""

    NAME: str
    AS_WRITTEN: bool
    """Without a format, a spec file becomes a rule file of the same name, an object an object."""

    def plan(self, located: LocatedSpec, defaults: Defaults, /) -> Planned:
        """All rule groups of one spec."""
        ...


@cache
def profiles() -> dict[str, Profile]:
    """Every profile in this folder by its name."""
    found = [
        cast("Profile", importlib.import_module(module.name))
        for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
    ]
    return {profile.NAME: profile for profile in sorted(found, key=lambda p: p.NAME)}
