"""What a run says about every SLO, beside what the specs say themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from generator.burn import Windows
from slos.schema.spec import PluginUse
from slos.schema.units import Duration

_MONTH = Duration.of(days=30)
_HALF_A_MINUTE = Duration.of(seconds=30)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a run can be told.

    Attributes:
        period: of SLOs that name none.
        scrape_interval: where the spec does not say.
        windows: alert windows by period, read from files; None for the built-in ones.
        extra_labels: added to recorded series, above those of the specs.
        slo_plugins: Sloth's chain from the command line.
    """

    period: Duration = _MONTH
    scrape_interval: Duration = _HALF_A_MINUTE
    windows: Mapping[Duration, Windows] | None = None
    extra_labels: Mapping[str, str] = field(default_factory=dict)
    slo_plugins: tuple[PluginUse, ...] = ()
