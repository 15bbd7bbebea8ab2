"""The output formats; the folder is the registry, one file each.

A format module has a `NAME`, which is also its folder below `rules/`, turns a plan into files
with `render`, and makes those that are about all plans at once with `of_run`.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, cast

from generator.model import Artifact, Plan
from generator.routing.hours import Hours

# What kube-prometheus-stack selects objects by; a setting, since every cluster has its own.
_STACK = {
    "prometheus": "kube-prometheus-stack",
    "release": "kube-prometheus-stack",
    "role": "alert-rules",
}


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """What formats can be told.

    Attributes:
        namespace: of Kubernetes objects.
        object_labels: of Kubernetes objects, by which an operator selects them; None for those
            that are usual for their kind.
        office_hours: when tickets are notified; None for always.
    """

    namespace: str = "prometheus"
    object_labels: Mapping[str, str] | None = None
    office_hours: Hours | None = field(default_factory=Hours)

    @property
    def stack_labels(self) -> Mapping[str, str]:
        """Those of objects that kube-prometheus-stack is to find."""
        return _STACK if self.object_labels is None else self.object_labels


class Format(Protocol):
    """What a file in this folder offers."""

    NAME: str
    ONE_FILE: bool
    """Whether a plan is one file, under the plan's own path."""
    ON_REQUEST: bool
    """Whether it is left out unless it is asked for by name."""

    def render(self, plan: Plan, settings: OutputSettings, /) -> Iterator[Artifact]:
        """The files of one plan."""
        ...

    def of_run(self, plans: Sequence[Plan], settings: OutputSettings, /) -> Iterator[Artifact]:
        """The files that are about all plans of a run."""
        ...


@cache
def formats() -> dict[str, Format]:
    """Every format in this folder by its name."""
    found = [
        cast("Format", importlib.import_module(module.name))
        for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
    ]
    return {format_.NAME: format_ for format_ in sorted(found, key=lambda f: f.NAME)}
