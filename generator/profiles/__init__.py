"""The rule profiles; the folder is the registry, one file each.

A profile module has a `NAME` and turns an SLO into rule groups with `plan(slo)`.
"""

import importlib
import pkgutil
from functools import cache
from typing import Protocol, cast

from generator.model import SLO, RuleGroup


class Profile(Protocol):
    """What a file in this folder offers."""

    NAME: str

    def plan(self, slo: SLO, /) -> tuple[RuleGroup, ...]:
        """All rule groups of one SLO."""
        ...


@cache
def profiles() -> dict[str, Profile]:
    """Every profile in this folder by its name."""
    found = [
        cast("Profile", importlib.import_module(module.name))
        for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
    ]
    return {profile.NAME: profile for profile in sorted(found, key=lambda p: p.NAME)}
