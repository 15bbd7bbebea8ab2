"""Registry and API of the output formats.

Each file of this folder is one output format. Its module has a `NAME`, which is also its folder
below `rules/`. `render_plan` renders the files of one plan, `render_run` those about all plans. A
kustomization lists those that are marked as Kubernetes objects.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Protocol, cast

from generator.alerting.hours import OfficeHours
from generator.model import Artifact, Engine, Plan
from slos.schema.plugin_loader import load_modules_by_id

# Labels by which kube-prometheus-stack selects objects. Clusters with others set them.
_STACK_LABELS = {
    "prometheus": "kube-prometheus-stack",
    "release": "kube-prometheus-stack",
    "role": "alert-rules",
}
# Label of every object, for `kubectl apply --prune -l` and for finding what is no longer generated.
_OWN_LABELS = {"app.kubernetes.io/managed-by": "slo-rules"}


ReceiverName = Literal["slo-page", "slo-ticket", "slo-info", "slo-watchdog"]
"""Name of a receiver that gets alerts of the specs."""


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """Settings of the output formats.

    Attributes:
        namespace: of Kubernetes objects.
        object_labels: labels of Kubernetes objects, instead of those by which
            kube-prometheus-stack selects them.
        office_hours: hours in which tickets are notified; None for always.
        receivers: integrations of the receivers of Alertmanager's configuration and of the
            AlertmanagerConfig.
    """

    namespace: str = "prometheus"
    object_labels: Mapping[str, str] | None = None
    office_hours: OfficeHours | None = field(default_factory=OfficeHours)
    receivers: Mapping[ReceiverName, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def common_labels(self) -> Mapping[str, str]:
        """Labels of every object."""
        return {**_OWN_LABELS, **(self.object_labels or {})}

    @property
    def stack_labels(self) -> Mapping[str, str]:
        """Labels of the objects that kube-prometheus-stack selects."""
        return self.common_labels if self.object_labels else {**_OWN_LABELS, **_STACK_LABELS}


class OutputFormat(Protocol):
    """API of an output format: the names that each file of this folder defines."""

    NAME: str
    ONE_FILE: bool
    """True if a plan is one file, at the path of the plan."""
    ON_REQUEST: bool
    """True if the format is only built when it is named."""
    ENGINE: Engine | None
    """Engine that the rules are built for; None for a format without rules of its own."""

    def render_plan(self, plan: Plan, settings: OutputSettings, /) -> Iterator[Artifact]:
        """Render the files of one plan."""
        ...

    render_run: Callable[[Sequence[Plan], OutputSettings], Iterator[Artifact]] | None
    """Renders the files that are about all plans of a run; None for a format without any."""


@cache
def load_formats() -> dict[str, OutputFormat]:
    """Import every output format of this folder, by its name."""
    return cast("dict[str, OutputFormat]", load_modules_by_id(__name__, "NAME"))
