"""Candidates for an SLO: other objectives, thresholds and windows, and which are worth a choice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from generator.backtest.episodes import SLOBacktest
from generator.model import SLO, Windows
from generator.settings import RunSettings
from generator.slo.resolve import resolve_slos
from slos.schema.spec import LocatedSpec, SloSpec
from slos.schema.units import Duration, format_decimal

Threshold = Duration | Decimal
_THRESHOLD_FIELDS = {"latency": "threshold", "threshold": "value"}


@dataclass(frozen=True, slots=True)
class WindowSet:
    """Alert windows to try.

    Attributes:
        name: name in reports, such as the folder they come from.
        windows: the windows by period.
    """

    name: str
    windows: dict[Duration, Windows]


@dataclass(frozen=True, slots=True)
class Variant:
    """Change of a candidate; None keeps what the spec has."""

    objective: Decimal | None = None
    threshold: Threshold | None = None
    windows: WindowSet | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """SLO with some changes.

    Attributes:
        slo: the SLO.
        threshold: its threshold, as in the spec; empty where the SLI has none.
        windows: name of its windows; empty for those of the spec.
        is_current: whether it is the SLO of the spec.
    """

    slo: SLO
    threshold: str
    windows: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """Candidate with its backtest.

    Attributes:
        candidate: the candidate.
        backtest: its backtest.
        is_on_front: whether no other candidate is better in one respect and as good in all others.
    """

    candidate: Candidate
    backtest: SLOBacktest
    is_on_front: bool = False


def has_threshold(spec: SloSpec) -> bool:
    """Tell whether the SLI of an SLO has a threshold."""
    return spec.sli.get_type().KEY in _THRESHOLD_FIELDS


def accepts_threshold(spec: SloSpec, threshold: Threshold) -> bool:
    """Tell whether the SLI of an SLO can have a threshold: a latency is above zero."""
    if spec.sli.get_type().KEY == "latency":
        return isinstance(threshold, Duration) or threshold > 0
    return has_threshold(spec) and isinstance(threshold, Decimal)


def build_candidate(
    located: LocatedSpec, spec: SloSpec, variant: Variant, run_settings: RunSettings
) -> Candidate | None:
    """Build a candidate; None if it cannot be resolved."""
    changed, settings = spec, run_settings
    if variant.objective is not None:
        changed = changed.model_copy(update={"objective": variant.objective})
    if variant.threshold is not None:
        changed = _replace_threshold(changed, variant.threshold)
    if variant.windows:
        alerting = changed.alerting.model_copy(update={"windows": None})
        changed = changed.model_copy(update={"alerting": alerting})
        settings = replace(settings, windows=variant.windows.windows)
    alone = replace(located, spec=located.spec.model_copy(update={"slos": [changed]}))
    slos, _ = resolve_slos(alone, settings)
    if not slos:
        return None
    sli_type = changed.sli.get_type()
    threshold = getattr(sli_type, _THRESHOLD_FIELDS.get(sli_type.KEY, ""), None)
    return Candidate(
        slos[0],
        format_threshold(threshold),
        variant.windows.name if variant.windows else "",
        is_current=variant == Variant(),
    )


def format_threshold(threshold: Threshold | None) -> str:
    """Format a threshold as a spec has it."""
    if threshold is None:
        return ""
    return format_decimal(threshold) if isinstance(threshold, Decimal) else str(threshold)


def _replace_threshold(spec: SloSpec, threshold: Threshold) -> SloSpec:
    sli_type = spec.sli.get_type()
    field = _THRESHOLD_FIELDS[sli_type.KEY]
    changed = sli_type.model_copy(update={field: threshold})
    return spec.model_copy(update={"sli": spec.sli.model_copy(update={sli_type.KEY: changed})})


def list_variants(
    spec: SloSpec,
    objectives: Sequence[Decimal],
    thresholds: Sequence[Threshold],
    windows: Sequence[WindowSet],
) -> Iterator[Variant]:
    """List all combinations, after the SLO as it is."""
    yield Variant()
    for objective in [None, *objectives]:
        for threshold in [None, *(each for each in thresholds if accepts_threshold(spec, each))]:
            for window_set in [None, *windows]:
                variant = Variant(objective, threshold, window_set)
                if variant != Variant():
                    yield variant


def mark_pareto_front(results: Sequence[CandidateResult]) -> list[CandidateResult]:
    """Mark the candidates of the Pareto front.

    Better is a higher objective, a lower threshold, fewer pages, an earlier page and, where
    incidents are known, more of them found and fewer pages for nothing.
    """
    scores = [_score(result) for result in results]
    return [
        replace(result, is_on_front=not any(_dominates(other, score) for other in scores))
        for result, score in zip(results, scores, strict=True)
    ]


def _score(result: CandidateResult) -> tuple[float, ...]:
    """Score in each respect; a higher one is better."""
    backtest = result.backtest
    delay = -backtest.delay.ms if backtest.delay else float("-inf")
    histogram, measured = backtest.slo.signal.histogram, backtest.slo.signal.measured
    threshold = 0.0
    if histogram:
        threshold = -float(histogram.target)
    elif measured:
        threshold = float(measured.bound) * (-1 if "<" in measured.comparison else 1)
    score = (float(backtest.slo.objective), threshold, -float(len(backtest.pages)), delay)
    if backtest.detection is None:
        return score
    recall, precision = backtest.detection.recall, backtest.detection.precision
    return (*score, recall or 0.0, 1.0 if precision is None else precision)


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))
