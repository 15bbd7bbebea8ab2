"""A spec with the document it was read from, so that every problem has a position."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from slos.schema.document import Document, Location
from slos.schema.problem import Position
from slos.schema.spec import Spec


@dataclass(frozen=True, slots=True)
class ObjectMeta:
    """The metadata of the Kubernetes object that a spec was read from."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def _as_written(location: Location) -> Location:
    return location


@dataclass(frozen=True, slots=True)
class Origin:
    """The dialect that a spec was written in.

    Attributes:
        dialect: the value of Sloth's label `sloth_spec`.
        mode: the value of Sloth's label `sloth_mode`, without the mode of the command.
        meta: the metadata of the Kubernetes object, if it was one.
        where: converts the location of a key in our spec to its location in the document.
        in_shares: the objective was written as a ratio, not as a percentage.
    """

    dialect: str = "prometheus/v1"
    mode: str = "prom"
    meta: ObjectMeta | None = None
    where: Callable[[Location], Location] = _as_written
    in_shares: bool = False


@dataclass(frozen=True, slots=True)
class LocatedSpec:
    """A spec with its document and its dialect."""

    spec: Spec
    document: Document
    origin: Origin = Origin()

    def at(self, location: Location) -> Position:
        """Find the position in the file of a key of our spec."""
        return self.document.at(self.origin.where(location))
