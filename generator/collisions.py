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
class NameRegistry:
    """Names of the specs of a run that were added so far.

    Attributes:
        namespace: namespace of objects whose specs name none.
        names_objects: whether specs that are no objects become one, named after their file.
        positions: position of each name.
        files: spec file of each output file.
    """

    namespace: str
    names_objects: bool
    positions: dict[str, Position] = field(default_factory=dict)
    files: dict[PurePosixPath, str] = field(default_factory=dict)

    def add_specs(
        self, located: Sequence[LocatedSpec], file: str, path: PurePosixPath
    ) -> Iterator[Problem]:
        """Add the specs of a file, and find what they have in common with those before.

        Series of one name would mix, silences match both alerts, and objects replace each other.
        """
        if not located:
            return
        other = self.files.setdefault(path, file)
        if other != file:
            message = f"same output file as {other}"
            yield Problem(Position(file), message, "rename one of the files")
        elif self.names_objects and not all(spec.origin.meta for spec in located):
            name = self._describe_object(_objects.name_object(path))
            first = next(spec for spec in located if not spec.origin.meta)
            yield from self._add_name(name, first.document.find_position())
        for spec in located:
            for name, location in _list_unique_names(spec):
                yield from self._add_name(name, spec.find_position(location))
            if meta := spec.origin.meta:
                name = self._describe_object(meta.name, meta.namespace)
                yield from self._add_name(name, spec.document.find_position(("metadata", "name")))

    def _add_name(self, name: str, position: Position) -> Iterator[Problem]:
        first = self.positions.setdefault(name, position)
        if first != position:
            hint = f"first defined at {first}; rename one of them"
            yield Problem(position, f"duplicate {name}", hint)

    def _describe_object(self, name: str, namespace: str = "") -> str:
        within = namespace or self.namespace
        return f"object {name!r} in the namespace {within!r}" if within else f"object {name!r}"


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
