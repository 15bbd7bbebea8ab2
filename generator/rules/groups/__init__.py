"""Registry of rule groups: one file for each group of an SLO.

A group module has the `PROFILE` that it belongs to and its `ORDER` in it. The profile defines
its functions: `build_group(slo)` in the exact profile.
"""

import importlib
import pkgutil
from functools import cache
from typing import Protocol, cast

from generator.model import SLO, RuleGroup


class GroupModule(Protocol):
    """API of a group module of the exact profile."""

    PROFILE: str
    ORDER: int

    def build_group(self, slo: SLO, /) -> RuleGroup:
        """Build the rule group of one SLO."""
        ...


@cache
def load_groups(profile: str) -> tuple[GroupModule, ...]:
    """Group modules of a profile, sorted by `ORDER`."""
    modules = [
        cast("GroupModule", importlib.import_module(module.name))
        for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
    ]
    members = [module for module in modules if profile == getattr(module, "PROFILE", None)]
    return tuple(sorted(members, key=lambda module: module.ORDER))
