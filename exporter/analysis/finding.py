"""Findings of the analysis: bottlenecks with evidence and confidence, and open questions. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

FLOOR = 0.01
"""Share of the end-to-end target that a time must reach to be worth a finding."""
ENOUGH_EVENTS = 20
"""Events from which the confidence in a finding may be high."""


class Kind(StrEnum):
    """Kind of a bottleneck."""

    CPU = "cpu"
    EVENT_LOOP = "event_loop"
    LOCK = "lock"
    POOL = "pool"
    QUEUE = "queue"
    SLOW_LINEAR = "slow_linear"
    LINEAR_LIMIT = "linear_limit"
    SLOW_SELECTION = "slow_selection"
    SLOW_FUNCTION = "slow_function"
    SLOW_REPLICA = "slow_replica"
    MEMORY_LEAK = "memory_leak"
    LOSS = "loss"


class Confidence(StrEnum):
    """Confidence in a finding."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class MeasuredNumber:
    """Measured number of a finding."""

    name: str
    value: float
    unit: str
    says: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Bottleneck with its evidence.

    Attributes:
        kind: the kind.
        title: the bottleneck in a sentence.
        confidence: confidence in it.
        evidence: the numbers.
        step: title of the step that shows it most clearly.
        severity: seconds, or the share of the end-to-end target, that it costs.
        numbers: numbers for the model of the plan.
    """

    kind: Kind
    title: str
    confidence: Confidence
    evidence: tuple[MeasuredNumber, ...]
    step: str
    severity: float
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gap:
    """Question that the data do not answer, and what is missing."""

    question: str
    missing: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Bottlenecks, the worst first, and the questions without enough data."""

    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]

    @property
    def bottleneck(self) -> Finding | None:
        """The worst bottleneck."""
        return self.findings[0] if self.findings else None
