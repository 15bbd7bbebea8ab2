"""`plugin`: a query that a program writes, Sloth's SLI plugins.

Which programs there are is not for a spec to know: the generator calls them and puts a `raw`
SLI in this one's place.
"""

from typing import ClassVar

from pydantic import Field

from slos.schema.counting import NotSummable
from slos.schema.signal import Signal, SliType
from slos.schema.wire import Options


class PluginSli(SliType):
    """A plugin `id` and its `options`."""

    KEY: ClassVar = "plugin"

    id: str
    """Its `SLI_PLUGIN_ID`."""
    options: Options = Field(default_factory=dict)
    """What it is told; texts."""

    def signal(self) -> Signal:
        """Nothing is known before the plugin was called."""
        raise NotSummable(f"the SLI plugin {self.id!r} was not called; name its folder")
