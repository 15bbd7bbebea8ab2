"""Registry of rule profiles: one file for each.

A profile module has a `NAME` and turns a spec into rule groups with
`plan_spec(located, run_settings)`. Features of a spec that its rules lack are problems of that
profile only.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from generator.model import Part
from generator.settings import Defaults
from slos.schema.problem import Problem
from slos.schema.spec import LocatedSpec


class ResolvedSLO(Protocol):
    """SLO with everything decided, in the model of its profile."""

    @property
    def id(self) -> str:
        """Id of the SLO, unique in a run."""


@dataclass(frozen=True, slots=True)
class Planned:
    """Result of planning one spec with a profile."""

    slos: tuple[ResolvedSLO, ...]
    part: Part
    problems: tuple[Problem, ...]


class Profile(Protocol):
    """API of a profile module."""

    NAME: str
    AS_WRITTEN: bool
    """If true and no format is given, a rule file is named as its spec, an object stays one."""
    CHECKED: bool
    """Whether the checks apply to the SLOs of this profile."""

    def plan(self, located: LocatedSpec, defaults: Defaults, /) -> Planned:
        """Plan the rule groups of one spec."""
        ...


@cache
def profiles() -> dict[str, Profile]:
    """Profiles in this folder by name."""
    found = [
        cast("Profile", importlib.import_module(module.name))
        for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
    ]
    return {profile.NAME: profile for profile in sorted(found, key=lambda p: p.NAME)}
