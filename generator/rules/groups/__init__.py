"""Registry of rule groups: one file for each group of an SLO in the profile `exact`.

A group module has a `ROLE` and builds its group with `build_group(slo)`. The roles `fine`, `coarse`
and `period` belong to one module each; any number of modules may have the role `other`.
"""

from enum import StrEnum
from functools import cache, lru_cache
from typing import Protocol, cast

from generator.model import SLO, RuleGroup
from generator.rules.shapes import Shape
from generator.text.slots import FilledRules, SlottedRules, SlottedText
from slos.schema.plugin_loader import load_modules
from slos.schema.units import Duration


class Role(StrEnum):
    """Role of a rule group; groups are written in this order."""

    FINE = "fine"
    """Counts of fine steps, short windows, and the alerts that are evaluated every fine step."""
    COARSE = "coarse"
    """Counts of coarse steps."""
    PERIOD = "period"
    """Long windows, the budget of the period, and the other alerts."""
    OTHER = "other"
    """Rules that no other group reads."""


class GroupModule(Protocol):
    """API of a group module."""

    ROLE: Role

    def build_group(self, slo: SLO, /) -> RuleGroup:
        """Build the rule group of one SLO, or of its shape, which has slots in place of texts.

        A shape has no description, sources and expected events. A group copies texts as they are.
        """
        ...


@cache
def load_groups() -> tuple[GroupModule, ...]:
    """Load the group modules, sorted by role and then by name."""
    roles = list(Role)
    modules = [cast("GroupModule", module) for module in load_modules(__name__).values()]
    return tuple(sorted(modules, key=lambda module: roles.index(module.ROLE)))


def build_groups(slo: SLO) -> tuple[RuleGroup, ...]:
    """Build the rule groups of an SLO, in their order."""
    shape = Shape.from_slo(slo)
    return tuple(
        RuleGroup(name.fill(shape.texts), interval, FilledRules(rules, shape.texts), slo.id)
        for name, interval, rules in _build_slotted_groups(shape.slo)
    )


def build_groups_by_role(slo: SLO) -> dict[Role, RuleGroup]:
    """Build the rule groups of an SLO whose role belongs to one module each."""
    groups = zip(load_groups(), build_groups(slo), strict=True)
    return {module.ROLE: group for module, group in groups if module.ROLE is not Role.OTHER}


@lru_cache(maxsize=256)
def _build_slotted_groups(
    shape: SLO,
) -> tuple[tuple[SlottedText, Duration | None, SlottedRules], ...]:
    """Build name, interval and rules of each group of a shape."""
    groups = (module.build_group(shape) for module in load_groups())
    return tuple((SlottedText(g.name), g.interval, SlottedRules(g.rules)) for g in groups)
