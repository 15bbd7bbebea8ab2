"""YAML read by libyaml: the rules of an overlay are half a megabyte of it."""

from typing import Any

import yaml


def documents(text: str) -> list[dict[str, Any]]:
    """Every document that is not empty."""
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]
