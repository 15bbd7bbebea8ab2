"""SLI type `plugin` of Sloth: a program writes the query.

A spec does not know the programs. The generator runs them and replaces this SLI by a `raw` one.
"""

from typing import ClassVar

from pydantic import Field

from slos.schema.fields import Options
from slos.schema.query_analysis import NotSummableError
from slos.schema.sli_signal import SliSignal, SliType


class PluginSli(SliType):
    """SLI plugin: its `id` and `options`."""

    KEY: ClassVar = "plugin"

    id: str
    """`SLI_PLUGIN_ID` of the plugin."""
    options: Options = Field(default_factory=dict)
    """Options of the plugin; the values are strings."""

    def build_signal(self) -> SliSignal:
        """Raise an error: there are no queries before the plugin ran.

        Raises:
            NotSummableError: always.
        """
        raise NotSummableError(f"unknown SLI plugin {self.id!r}; set --plugins to its folder")
