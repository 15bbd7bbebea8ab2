"""The rule groups; the folder is the registry, one file each.

A group module says which `PROFILE` it belongs to and its `ORDER` in it. What it builds, and
from what, is between it and its profile: `group(slo)` in the exact profile.
"""

import importlib
import pkgutil
from functools import cache
from typing import Protocol, cast

from generator.model import SLO, RuleGroup


class GroupModule(Protocol):
    """What a file in this folder offers to the exact profile."""

    PROFILE: str
    ORDER: int

    def group(self, slo: SLO, /) -> RuleGroup:
        """The rules of one SLO."""
        ...


@cache
def groups_of(profile: str) -> tuple[GroupModule, ...]:
    """The group modules of a profile, in order."""
    found = [
        cast("GroupModule", importlib.import_module(module.name))
        for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
    ]
    members = [module for module in found if profile == module.PROFILE]
    return tuple(sorted(members, key=lambda module: module.ORDER))
