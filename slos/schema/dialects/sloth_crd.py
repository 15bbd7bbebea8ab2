"""Dialect of Sloth's Kubernetes object `PrometheusServiceLevel`: a spec with camelCase keys."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from slos.schema.fields import SpecModel
from slos.schema.problem import Problem
from slos.schema.settings import fill_settings
from slos.schema.spec import LocatedSpec, ObjectMeta, Spec, SpecOrigin
from slos.schema.yaml.document import Document, Location
from slos.schema.yaml.validation import (
    build_camel_model,
    list_all_keys,
    to_camel_location,
    validate_document,
)

API_VERSION = "sloth.slok.dev/v1"
KIND = "PrometheusServiceLevel"
OTHER_KINDS = ("AlertWindows",)
KEY_SPELLINGS = {key: to_camel(key) for key in list_all_keys(Spec) if "_" in key}

# Domains of the tools that apply objects. Their labels and annotations are about the object itself:
# with them, kubectl compares its rules with a wrong state, and Argo CD and Flux take the rules for
# objects that they should remove.
_TOOL_DOMAINS = (
    "kubectl.kubernetes.io",
    "applyset.kubernetes.io",
    "config.kubernetes.io",
    "config.k8s.io",
    "argoproj.io",
    "fluxcd.io",
    "helm.sh",
    "cattle.io",
    "k14s.io",
)
_MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
# Argo CD tracks objects by this label. In a file it can be the user's own.
_INSTANCE_LABEL = "app.kubernetes.io/instance"


class _Meta(BaseModel):
    """The metadata of an object that its rules take over; other keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)

    name: Annotated[str, Field(min_length=1)]
    namespace: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    uid: Any = None

    def build_object_meta(self) -> ObjectMeta:
        """Build the metadata for the rules, without the keys of tools."""
        tool_keys = {_MANAGED_BY_LABEL, *([_INSTANCE_LABEL] if self.uid else [])}
        labels, annotations = (
            {
                key: value
                for key, value in texts.items()
                if key not in tool_keys and not _is_key_of_tool(key)
            }
            for texts in (self.labels, self.annotations)
        )
        return ObjectMeta(self.name, self.namespace, labels, annotations)


def _is_key_of_tool(key: str) -> bool:
    domain, slash, _ = key.rpartition("/")
    return bool(slash) and f".{domain}".endswith(tuple(f".{each}" for each in _TOOL_DOMAINS))


class _ObjectSpec(Spec):
    """Our spec; its version is that of the object."""

    version: Literal["prometheus/v1"] = "prometheus/v1"


class _PrometheusServiceLevel(SpecModel):
    """A `PrometheusServiceLevel` object; Sloth's controller writes the status."""

    api_version: Annotated[str, Field(alias="apiVersion")]
    kind: str
    metadata: _Meta
    spec: _ObjectSpec
    status: Any = None


def read_document(
    document: Document, *, lenient: bool | None
) -> tuple[LocatedSpec | None, list[Problem]]:
    """Read the spec of an object, with the metadata that its rules take over."""
    document, setting_problems = fill_settings(document, spec_location=("spec",))
    service_level, problems = validate_document(
        document, build_camel_model(_PrometheusServiceLevel), lenient=lenient
    )
    if not service_level or setting_problems:
        return None, [*setting_problems, *problems]
    origin = SpecOrigin(
        dialect=API_VERSION,
        mode="k8s",
        meta=service_level.metadata.build_object_meta(),
        to_source_location=_to_source_location,
    )
    return LocatedSpec(service_level.spec, document, origin), problems


def _to_source_location(location: Location) -> Location:
    return ("spec", *to_camel_location(location))
