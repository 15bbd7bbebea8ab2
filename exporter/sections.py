"""Sections of the configuration that have one key per plug-in. A new plug-in needs no edit here."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, create_model, model_validator

from exporter.fields import Section
from exporter.observers import late_modules
from exporter.paths import way_modules
from exporter.probes import broken_modules, probe_modules


class _Probes(Section):
    """One section per probe; a probe without a section does not run."""

    @model_validator(mode="after")
    def _at_least_one(self) -> "_Probes":
        if not self.model_fields_set:
            raise ValueError(
                f"no probe is set; add one of {', '.join(type(self).model_fields)}, like "
                "remediation: {}"
            )
        return self


def _by_name(model: str, base: type[Section], settings: Mapping[str, type[Section]]) -> Any:  # noqa: ANN401 - created at run time
    """Create a section with one key per plug-in."""
    keys: dict[str, Any] = {name: (each, None) for name, each in settings.items()}
    return create_model(model, __base__=base, **keys)


def _refused(why: str) -> Any:  # noqa: ANN401 - created at run time
    """Build the type of a key whose plug-in cannot be used."""

    def refuse(_: object) -> object:
        raise ValueError(f"this plug-in cannot be used: {why}; mend it, or take this section out")

    return Annotated[Any, BeforeValidator(refuse)]


Probes = _by_name(
    "Probes",
    _Probes,
    {
        **{name: _refused(why) for name, why in broken_modules().items()},
        **{name: module.Settings for name, module in probe_modules().items()},
    },
)
Paths = _by_name(
    "Paths",
    Section,
    {
        route.value: module.Settings
        for route, module in way_modules().items()
        if module.Settings.model_fields
    },
)
Observers = _by_name("Observers", Section, {n: m.Settings for n, m in late_modules().items()})
