"""Sections `probes`, `paths` and `observers` of the configuration, one key per plug-in."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, create_model, model_validator

from exporter.fields import Section
from exporter.observers import load_remote_modules
from exporter.paths import load_path_modules
from exporter.probes import list_broken_modules, load_probe_modules


class _ProbesSection(Section):
    """One section per probe; a probe without a section does not run."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _check_at_least_one(self) -> "_ProbesSection":
        if not self.model_fields_set:
            raise ValueError(
                f"no probe is configured; add one of {', '.join(type(self).model_fields)}, such as "
                "remediation: {}"
            )
        return self


class _PathsSection(Section):
    """Further paths to agent-sre, one section per path; `direct` needs none."""


class _ObserversSection(Section):
    """Further sources of stage times, one section per observer."""


def _create_section(model: str, base: type[Section], settings: Mapping[str, type[Section]]) -> Any:  # noqa: ANN401 - created at run time
    """Create a section with one key per plug-in."""
    keys: dict[str, Any] = {name: (each, None) for name, each in settings.items()}
    return create_model(model, __base__=base, __doc__=base.__doc__, **keys)


def _build_refusing_type(why: str) -> Any:  # noqa: ANN401 - created at run time
    """Build the type of a key whose plug-in cannot be used."""

    def refuse(_: object) -> object:
        raise ValueError(f"this plug-in cannot be used: {why}; fix it or remove this section")

    description = f"This plug-in cannot be used: {why}."
    return Annotated[Any, BeforeValidator(refuse), Field(description=description)]


Probes = _create_section(
    "Probes",
    _ProbesSection,
    {
        **{name: _build_refusing_type(why) for name, why in list_broken_modules().items()},
        **{name: module.Settings for name, module in load_probe_modules().items()},
    },
)
Paths = _create_section(
    "Paths",
    _PathsSection,
    {
        path: module.Settings
        for path, module in load_path_modules().items()
        if module.Settings.model_fields
    },
)
Observers = _create_section(
    "Observers", _ObserversSection, {n: m.Settings for n, m in load_remote_modules().items()}
)
