"""Sloth's plugins that make no rules; specs are validated when they are read."""

from typing import ClassVar

from generator.profiles.sloth.model import SlothRules, SlothSLO
from generator.profiles.sloth.plugins import SloPlugin


class ValidatePlugin(SloPlugin):
    """Plugin of Sloth's validation of a spec; it changes nothing here."""

    ID: ClassVar = "sloth.dev/core/validate/v1"

    def process(self, _: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        return rules


class NoopPlugin(SloPlugin):
    """Plugin that does nothing."""

    ID: ClassVar = "sloth.dev/core/noop/v1"

    def process(self, _: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        return rules


class DebugPlugin(SloPlugin):
    """Plugin of Sloth's debug log; it changes nothing."""

    ID: ClassVar = "sloth.dev/core/debug/v1"

    def process(self, _: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        return rules
