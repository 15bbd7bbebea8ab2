"""Names that two specs of a run cannot both have: SLOs, alerts, series, objects, output files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from generator.outputs import _objects
from slos.schema.problem import Position, Problem
from slos.schema.promql import format_label_set
from slos.schema.spec import LocatedSpec
from slos.schema.yaml.document import Location


@dataclass(frozen=True, slots=True)
class SpecNames:
    """Names of the specs of a file, with their positions.

    Attributes:
        unique: names of SLOs, alerts, series and objects.
        own_object: name of the object that the file becomes; None if it has other objects only.
    """

    unique: tuple[tuple[str, Position], ...]
    own_object: tuple[str, Position] | None = None


def collect_names(
    located: Sequence[LocatedSpec], path: PurePosixPath, namespace: str, *, names_objects: bool
) -> SpecNames:
    """Collect the names of the specs of a file.

    Args:
        located: specs of the file.
        path: output file.
        namespace: namespace of objects whose specs name none.
        names_objects: whether specs that are no objects become one, named after their file.
    """
    own_object = None
    first = next((spec for spec in located if not spec.origin.meta), None)
    if names_objects and first:
        name = _describe_object(_objects.name_object(path), namespace)
        own_object = name, first.document.find_position()
    unique = []
    for spec in located:
        unique += [(name, spec.find_position(place)) for name, place in _list_unique_names(spec)]
        if meta := spec.origin.meta:
            name = _describe_object(meta.name, meta.namespace or namespace)
            unique.append((name, spec.document.find_position(("metadata", "name"))))
    return SpecNames(tuple(unique), own_object)


@dataclass(frozen=True, slots=True)
class NameRegistry:
    """Names of the specs of a run that were added so far.

    Attributes:
        positions: position of each name.
        files: spec file of each output file.
    """

    positions: dict[str, Position] = field(default_factory=dict)
    files: dict[PurePosixPath, str] = field(default_factory=dict)

    def add_names(self, names: SpecNames, file: str, path: PurePosixPath) -> Iterator[Problem]:
        """Add the names of a file with specs, and find those that files before have too.

        Series of one name would mix, silences match both alerts, and objects replace each other.
        """
        other = self.files.setdefault(path, file)
        if other != file:
            message = f"same output file as {other}"
            yield Problem(Position(file), message, "rename one of the files")
        elif names.own_object:
            yield from self._add_name(*names.own_object)
        for name, position in names.unique:
            yield from self._add_name(name, position)

    def _add_name(self, name: str, position: Position) -> Iterator[Problem]:
        first = self.positions.setdefault(name, position)
        if first != position:
            hint = f"first defined at {first}; rename one of them"
            yield Problem(position, f"duplicate {name}", hint)


def _describe_object(name: str, namespace: str) -> str:
    return f"object {name!r} in the namespace {namespace!r}" if namespace else f"object {name!r}"


def _list_unique_names(located: LocatedSpec) -> Iterator[tuple[str, Location]]:
    spec = located.spec
    for index, slo in enumerate(spec.slos):
        yield f"SLO id {f'{spec.service}-{slo.name}'!r}", ("slos", index, "name")
    for index, alert in enumerate(spec.alerts):
        yield f"alert name {alert.name!r}", ("alerts", index, "name")
    if spec.no_data_alert:
        yield f"alert name {spec.no_data_alert.name!r}", ("no_data_alert", "name")
    for index, recording in enumerate(spec.recordings):
        series = recording.record + format_label_set(recording.labels)
        yield f"series {series}", ("recordings", index, "record")
