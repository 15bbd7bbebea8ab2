"""Sloth's plugins that make no rules. Specs are checked on reading here, so nothing is left."""

from typing import ClassVar

from generator.slo_plugins import SloPlugin
from generator.sloth.model import SlothRules, SlothSLO


class Validate(SloPlugin):
    """Sloth's checks of a spec."""

    ID: ClassVar = "sloth.dev/core/validate/v1"

    def process(self, _: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        return rules


class Noop(SloPlugin):
    """Nothing."""

    ID: ClassVar = "sloth.dev/core/noop/v1"

    def process(self, _: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        return rules


class Debug(SloPlugin):
    """Writes to Sloth's debug log only."""

    ID: ClassVar = "sloth.dev/core/debug/v1"

    def process(self, _: SlothSLO, rules: SlothRules) -> SlothRules:  # noqa: D102 - by SloPlugin
        return rules
