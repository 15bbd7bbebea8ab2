"""Waterfall of a run: each stage as a bar on the time since the intended send. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.model.stages import rank_sources, select_times
from slos.schema.contract import Stage


@dataclass(frozen=True, slots=True)
class Bar:
    """Time of a stage from one source.

    Attributes:
        stage: the stage.
        source: the source.
        bounds: the time in seconds.
        start: seconds from the intended send at which it surely runs.
        sure: seconds for which it surely runs.
        earliest: seconds from the intended send at which it may begin.
        latest: seconds from the intended send at which it may end.
        counts: whether this source takes precedence, so that its time counts.
        target: target in seconds; None without one.
        is_met: whether the target is met; None without one, or where the bounds do not decide.
        is_placed: whether it is known when the stage began.
    """

    stage: Stage
    source: str
    bounds: Bounds
    start: float
    sure: float
    earliest: float
    latest: float
    counts: bool
    target: float | None
    is_met: bool | None
    is_placed: bool = True

    @property
    def result(self) -> str:
        """Comparison with the target in a word; empty without a target."""
        if self.target is None:
            return ""
        return {True: "met", False: "missed", None: "not decided"}[self.is_met]


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Bars of a run.

    Attributes:
        bars: bars in the order of the pipeline; of a stage, first the one that counts.
        length: seconds of the whole picture.
        missing: stages that no source observed.
    """

    bars: Sequence[Bar]
    length: float
    missing: Sequence[Stage]

    @property
    def end_to_end(self) -> Bounds | None:
        """Time of the whole run, if it is known."""
        found = (bar.bounds for bar in self.bars if bar.counts and bar.stage is Stage.END_TO_END)
        return next(found, None)

    @property
    def is_missed(self) -> bool:
        """True if a stage missed its target."""
        return any(bar.counts and bar.is_met is False for bar in self.bars)


def build_waterfall(run: Run, targets: Mapping[Stage, float]) -> Waterfall:
    """Build the waterfall of a run."""
    bars = list(_list_bars(run, targets))
    return Waterfall(
        bars,
        max((bar.latest for bar in bars), default=0.0),
        [stage for stage in Stage if not run.stage_times.get(stage)],
    )


def _list_bars(run: Run, targets: Mapping[Stage, float]) -> Iterator[Bar]:
    selected = select_times(run.stage_times)
    ends_at = selected[Stage.END_TO_END].bounds if Stage.END_TO_END in selected else None
    for stage in Stage:
        times = run.stage_times.get(stage, {})
        first = selected[stage].source if stage in selected else ""
        known = [source for source in rank_sources(stage) if source in times]
        for source in sorted(known, key=lambda each: each != first):
            bounds, counts, target = times[source], source == first, targets.get(stage)
            start, sure, earliest, latest = _place(stage, bounds, ends_at)
            yield Bar(
                stage,
                source,
                bounds,
                start,
                sure,
                earliest,
                latest,
                counts,
                target if counts else None,
                bounds.is_within(target) if counts and target is not None else None,
                stage is not Stage.VERIFICATION,
            )


def _place(
    stage: Stage, bounds: Bounds, ends_at: Bounds | None
) -> tuple[float, float, float, float]:
    """Place a bar: its sure start and length, its earliest start and its latest end.

    The function ends when the run does. Of the verification only the length is known; it comes
    after the function. All other stages begin with the intended send.
    """
    if stage is Stage.LAMBDA_EXECUTION and ends_at is not None:
        end = max(ends_at.high, bounds.low)
        return end - bounds.low, bounds.low, max(0.0, end - bounds.high), end
    if stage is Stage.VERIFICATION and ends_at is not None:
        start = ends_at.high
        return start, bounds.low, start, start + bounds.high
    return 0.0, bounds.low, 0.0, bounds.high
