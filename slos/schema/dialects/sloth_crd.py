"""Sloth's Kubernetes object, `PrometheusServiceLevel`: the spec under camelCase keys."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from slos.schema.camel import camel, camel_location
from slos.schema.document import Document, Location, validate
from slos.schema.located import LocatedSpec, ObjectMeta, Origin
from slos.schema.problem import Problem
from slos.schema.settings import filled
from slos.schema.spec import Spec
from slos.schema.wire import Wire

API_VERSION = "sloth.slok.dev/v1"
KIND = "PrometheusServiceLevel"


class _Meta(BaseModel):
    """What of an object's metadata goes on to the rules; clusters add much more."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    namespace: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class _Spec(Spec):
    """Our spec; its version is that of the object."""

    version: Literal["prometheus/v1"] = "prometheus/v1"


class _PrometheusServiceLevel(Wire):
    """A whole object; the status is Sloth's controller's."""

    api_version: Annotated[str, Field(alias="apiVersion")]
    kind: str
    metadata: _Meta
    spec: _Spec
    status: Any = None


def read(document: Document, *, lenient: bool) -> tuple[LocatedSpec | None, list[Problem]]:
    """The object's spec, with the metadata that its rules take over."""
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
