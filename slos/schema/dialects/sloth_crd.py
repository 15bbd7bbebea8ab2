"""Dialect of Sloth's Kubernetes object `PrometheusServiceLevel`: a spec with camelCase keys."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from slos.schema.fields import Wire
from slos.schema.problem import Problem
from slos.schema.settings import filled
from slos.schema.spec import LocatedSpec, ObjectMeta, Origin, Spec
from slos.schema.yaml.document import Document, Location
from slos.schema.yaml.validation import camel, camel_location, validate

API_VERSION = "sloth.slok.dev/v1"
KIND = "PrometheusServiceLevel"


class _Meta(BaseModel):
    """The metadata of an object that its rules take over; other keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    namespace: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class _Spec(Spec):
    """Our spec; its version is that of the object."""

    version: Literal["prometheus/v1"] = "prometheus/v1"


class _PrometheusServiceLevel(Wire):
    """A `PrometheusServiceLevel` object; Sloth's controller writes the status."""

    api_version: Annotated[str, Field(alias="apiVersion")]
    kind: str
    metadata: _Meta
    spec: _Spec
    status: Any = None


def read(document: Document, *, lenient: bool) -> tuple[LocatedSpec | None, list[Problem]]:
    """Read the spec of an object, with the metadata that its rules take over."""
    document, unset = filled(document, within=("spec",))
    found, problems = validate(document, camel(_PrometheusServiceLevel), lenient=lenient)
    if not found or unset:
        return None, [*unset, *problems]
    meta = found.metadata
    origin = Origin(
        dialect=API_VERSION,
        mode="k8s",
        meta=ObjectMeta(meta.name, meta.namespace, meta.labels, meta.annotations),
        where=_where,
    )
    return LocatedSpec(found.spec, document, origin), problems


def _where(location: Location) -> Location:
    return ("spec", *camel_location(location))
