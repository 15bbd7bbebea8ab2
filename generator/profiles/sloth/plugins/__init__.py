"""Registry of SLO plugins: Python versions of Sloth's plugins, under the same ids.

A plugin is a model of its configuration with a method that changes an SLO's rules. Unknown keys
are ignored and case does not matter, as in Sloth.
"""

from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

from generator.profiles.sloth.model import SlothRules, SlothSLO
from slos.schema.plugin_loader import load_classes_by_id


class SloPluginError(Exception):
    """Plugin cannot process this SLO; the text gives the reason."""


class PluginConfig(BaseModel):
    """Mapping in a plugin's configuration."""

    model_config = ConfigDict(extra="ignore", frozen=True, arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _match_keys_ignoring_case(cls, value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
        if not isinstance(value, dict):
            return {} if value is None else value
        keys = [field.alias or name for name, field in cls.model_fields.items()]
        known = {key.lower(): key for key in keys}
        return {known.get(str(key).lower(), key): item for key, item in value.items()}


class SloPlugin(PluginConfig):
    """Plugin with its configuration; a subclass in this folder is registered by its `ID`."""

    ID: ClassVar[str]

    def process(self, slo: SlothSLO, rules: SlothRules) -> SlothRules:
        """Change the rules of an SLO.

        Raises:
            SloPluginError: when the plugin cannot process this SLO.
        """
        raise NotImplementedError


@cache
def load_slo_plugins() -> dict[str, type[SloPlugin]]:
    """Plugins in this folder by id, sorted."""
    return load_classes_by_id(__name__, SloPlugin, "ID")
