"""YAML read by libyaml: the rules of an overlay are half a megabyte of it."""

from typing import Any

import yaml


class _Loader(yaml.CSafeLoader):
    """Takes a bare `=` for a text, as Kubernetes does; to YAML 1.1 it was something else."""


def _text(_: yaml.CSafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:value", _text)


def documents(text: str) -> list[dict[str, Any]]:
    """Every document that is not empty."""
    return [each for each in yaml.load_all(text, Loader=_Loader) if each]
