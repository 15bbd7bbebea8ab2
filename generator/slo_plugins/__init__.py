"""SLO plugins: Python stand-ins for Sloth's, under the same ids; the folder is the registry.

A plugin is a model of its configuration with a method that changes an SLO's rules. Keys that
Sloth does not know are passed over and case does not matter, as in Sloth.
"""

import importlib
import pkgutil
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

from generator.sloth.model import SlothRules, SlothSLO


class PluginError(Exception):
    """The plugin cannot work on this SLO; the text says why."""


class PluginConfig(BaseModel):
    """A mapping in a plugin's configuration."""

    model_config = ConfigDict(extra="ignore", frozen=True, arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _whatever_the_case(cls, value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
        if not isinstance(value, dict):
            return {} if value is None else value
        keys = [field.alias or name for name, field in cls.model_fields.items()]
        known = {key.lower(): key for key in keys}
        return {known.get(str(key).lower(), key): item for key, item in value.items()}


class SloPlugin(PluginConfig):
    """A plugin with its configuration; a subclass in this folder is all there is to add one."""

    ID: ClassVar[str]

    def process(self, slo: SlothSLO, rules: SlothRules) -> SlothRules:
        """The rules as the plugin leaves them.

        Raises:
            PluginError: when it cannot work on this SLO.
        """
        raise NotImplementedError


@cache
def slo_plugins() -> dict[str, type[SloPlugin]]:
    """Every plugin in this folder by its id, sorted."""
    for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        importlib.import_module(module.name)
    return {kind.ID: kind for kind in sorted(SloPlugin.__subclasses__(), key=lambda k: k.ID)}
