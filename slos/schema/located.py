"""A spec together with where it was read from, so that every finding has a line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from slos.schema.document import Document, Location
from slos.schema.problem import Position
from slos.schema.spec import Spec


@dataclass(frozen=True, slots=True)
class ObjectMeta:
    """The metadata of the Kubernetes object a spec was written as."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def _as_written(location: Location) -> Location:
    return location


@dataclass(frozen=True, slots=True)
class Origin:
    """The dialect a spec was written in.

    Attributes:
        dialect: as Sloth's label `sloth_spec` names it.
        mode: as Sloth's label `sloth_mode` names it, without how the program was called.
        meta: of the Kubernetes object, where it was one.
        where: from the path of a key in our spec to the path it was written at.
        in_shares: the objective was written as a share, not as a percentage.
    """

    dialect: str = "prometheus/v1"
    mode: str = "prom"
    meta: ObjectMeta | None = None
    where: Callable[[Location], Location] = _as_written
    in_shares: bool = False


@dataclass(frozen=True, slots=True)
class LocatedSpec:
    """A spec, the document it was read from and the dialect it was written in."""

    spec: Spec
    document: Document
    origin: Origin = Origin()

    def at(self, location: Location) -> Position:
        """The place of a key of our spec in the file it was written in."""
        return self.document.at(self.origin.where(location))
