"""Settings that every scenario has: deadlines of its events, and the pause between steps."""

import json
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from exporter.fields import DurationField, Section
from exporter.loadtest.arrivals import ArrivalPlan
from exporter.model import deadlines
from exporter.model.deadlines import Deadlines, Targets
from slos.schema.units import Duration


class LoadSettings(Section):
    """Deadlines of the events, and the pause between steps. Each scenario adds its load."""

    timeout: DurationField = Duration.from_parts(seconds=70)
    """Time from the intended send of an event to its verdict. Default 70s, as for the probes. A
    step with lost events takes that long, because an event is only known to be lost at its
    timeout."""
    settle: DurationField = Duration.from_parts(seconds=5)
    """Time to wait for a second execution after reply and first execution. Default 5s."""
    late_after: DurationField | None = None
    """End-to-end time above which an execution is late. Default: the end_to_end target of the
    specs."""
    max_send_lag: DurationField = Duration.from_parts(seconds=1)
    """Delay between intended and actual send above which an event is `unknown`. Default 1s. If more
    than 1% of the events of a step are unknown, the prober was too slow and the scenario stops."""
    rest: DurationField = Duration.from_parts(seconds=5)
    """Pause between two steps, after all events of the first have their verdicts. Default 5s."""

    @abstractmethod
    def count_max_events(self) -> int:
        """Count the most events that one run can send."""

    def needs_prometheus(self) -> bool:
        """Return whether a scenario that can query Prometheus does so with these settings."""
        return True

    def count_events_per_hour(self) -> int:
        """Count the most events of an hour."""
        return self.count_max_events()

    def estimate_duration(self) -> float:
        """Estimate the seconds of a run, for the interval of its readings; 0 for a short one."""
        return 0.0

    def plan_arrivals(self) -> ArrivalPlan | None:
        """Plan the arrivals for a load engine; None for a load that is not a series of rates."""
        return None

    @property
    def step_pause(self) -> float:
        """Seconds after which all events of a step have their verdicts, and the pause is over."""
        return float(self.timeout.seconds + self.rest.seconds)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        settings: dict[str, Any] = json.loads(json.dumps(values, default=str))
        return settings

    def find_problems(self, targets: Targets) -> Iterable[tuple[str, str, str]]:
        """Find mistakes that only show with the specs, as key, message and hint."""
        return deadlines.find_deadline_problems(self, targets)

    def to_deadlines(self, targets: Targets) -> Deadlines:
        """Return the deadlines of an event in seconds."""
        return deadlines.to_deadlines(self, targets)
