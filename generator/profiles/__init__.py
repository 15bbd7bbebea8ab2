"""Registry of rule profiles: one file for each.

A profile module has a `NAME` and turns a spec into rule groups with
`plan_spec(located, run_settings)`. Features of a spec that its rules lack are problems of that
profile only.
"""

from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from generator.model import SpecPlan
from generator.settings import RunSettings
from slos.schema.plugin_loader import load_modules_by_id
from slos.schema.problem import Problem
from slos.schema.spec import LocatedSpec


class ResolvedSLO(Protocol):
    """SLO with everything decided, in the model of its profile."""

    @property
    def id(self) -> str:
        """Id of the SLO, unique in a run."""


@dataclass(frozen=True, slots=True)
class ProfileResult:
    """Result of planning one spec with a profile."""

    slos: tuple[ResolvedSLO, ...]
    spec_plan: SpecPlan
    problems: tuple[Problem, ...]


class Profile(Protocol):
    """API of a profile module."""

    NAME: str
    AS_WRITTEN: bool
    """If true and no format is given, a rule file is named as its spec, an object stays one."""
    CHECKED: bool
    """True if the checks apply to the SLOs of this profile."""
    FULL_OBJECTIVE: bool
    """True if an objective may be 100 %, which leaves no error budget."""

    def plan_spec(self, located: LocatedSpec, run_settings: RunSettings, /) -> ProfileResult:
        """Plan the rule groups of one spec."""
        ...


@cache
def load_profiles() -> dict[str, Profile]:
    """Profiles in this folder by name."""
    return cast("dict[str, Profile]", load_modules_by_id(__name__, "NAME"))
