"""`plugin`: Sloth's SLI plugins, which are Go programs."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from slos.schema.signal import SliType
from slos.schema.wire import Options


class PluginSli(SliType):
    """A plugin `id` and its `options`; understood, and refused with the way out."""

    KEY: ClassVar = "plugin"

    id: str
    options: Options = Field(default_factory=dict)

    @model_validator(mode="after")
    def _go_cannot_run_here(self) -> Self:
        raise ValueError(
            f"the SLI plugin {self.id!r} is a Go program and cannot run here; "
            "write its query as an 'events' or 'raw' SLI"
        )
