"""What an API server would refuse: unknown fields, wrong types, missing keys."""

import json
from functools import cache
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped] # it has no types
from jsonschema import Draft202012Validator

from tests.k8s.manifests import Json

VERSIONS = ("1.30", "1.37")
"""The oldest Kubernetes that the manifests are for, and the newest that is known."""
_SCHEMAS = Path(__file__).parent / "schemas"


def validate(found: Json, version: str) -> None:
    """Strictly, by the schemas of Kubernetes or by ours of custom resources.

    Raises:
        jsonschema.ValidationError: it would be refused.
    """
    name = f"{found['kind']}-{found['apiVersion'].replace('/', '-')}".lower()
    if (_SCHEMAS / f"{name}.json").exists():
        _ours(name).validate(found)
    else:
        _theirs(json.dumps(found, sort_keys=True), version)


@cache
def _theirs(found: str, version: str) -> None:
    """Once for what is the same in several overlays: all schemas are read anew each time."""
    kubernetes_validate.validate(json.loads(found), version, strict=True)


@cache
def _ours(name: str) -> Draft202012Validator:
    schema = json.loads((_SCHEMAS / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
