"""Receivers of the project settings, for the configuration and for the object."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from generator.outputs import ReceiverName
from generator.text import yaml_writer

IN_CONFIG, IN_OBJECT = "_configs", "Configs"
"""End of the keys of integrations, as `pagerduty_configs` and `pagerdutyConfigs`."""


def map_receivers(
    names: Iterable[str], receivers: Mapping[ReceiverName, Mapping[str, Any]], end: str
) -> list[yaml_writer.YamlValue]:
    """Map receivers by name to their integrations whose keys have an end."""
    # JSON is YAML, and keeps what is empty.
    integrations = {
        str(name): {
            key: yaml_writer.Raw(json.dumps(value, default=float, ensure_ascii=False))
            for key, value in each.items()
            if key.endswith(end)
        }
        for name, each in receivers.items()
    }
    return [{"name": name, **integrations.get(name, {})} for name in names]
