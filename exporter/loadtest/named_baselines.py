"""Named baselines: a result that later runs of the same scenario are compared with.

A baseline is a versioned JSON file with the latencies of each step. A later run is worse if the p50
or the p95 of a stage rose by more than `effect`, and the rise is significant: a permutation test of
the quantile over the events of both runs, adjusted for the number of tests by Holm's method. Steps
are compared with steps of the same load, phase and replicas.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exporter.leakdetection.multiple_tests import adjust_p_values
from exporter.loadtest.quantiles import find_quantile, measure_significance
from exporter.loadtest.result_file import ResultFileError, read_json, write_json

FORMAT, VERSION = "slo-probe/baseline", 1
EFFECT = 0.1
"""Rise of a quantile, as a share of the baseline, up to which it is no regression."""
LEVEL = 0.01
"""Probability of any regression among all tests, where there is none."""
_MIN_EVENTS = 20
"""Fewest events of a step in each run; with fewer, no p-value says much about a p95."""
_QUANTILES = {"p50": 0.5, "p95": 0.95}

StepKey = tuple[float, str, int | None]


@dataclass(frozen=True, slots=True)
class QuantileChange:
    """Change of one quantile of one stage.

    Attributes:
        load: load of the step.
        phase: phase of the step.
        stage: the stage.
        quantile: name of the quantile.
        before: seconds in the baseline.
        after: seconds in this run.
        p: p-value of a rise, adjusted for all tests; None with too few events.
    """

    load: float
    phase: str
    stage: str
    quantile: str
    before: float
    after: float
    p: float | None

    @property
    def change(self) -> float:
        """Change as a share of the baseline."""
        return (self.after - self.before) / self.before if self.before > 0 else 0.0

    @property
    def is_worse(self) -> bool:
        """Return whether the quantile rose by more than the effect, and not by chance."""
        return self.change > EFFECT and self.p is not None and self.p < LEVEL


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of a run with a baseline.

    Attributes:
        name: name of the baseline.
        is_new: whether the baseline was created from this run.
        changes: changes of all quantiles.
        notes: what cannot be compared.
    """

    name: str
    is_new: bool
    changes: tuple[QuantileChange, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_worse(self) -> bool:
        """Return whether any quantile is worse."""
        return any(change.is_worse for change in self.changes)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON, for the result file."""
        changes = [
            asdict(change) | {"change": change.change, "is_worse": change.is_worse}
            for change in self.changes
        ]
        return {
            "baseline": self.name,
            "is_new": self.is_new,
            "effect": EFFECT,
            "level": LEVEL,
            "is_worse": self.is_worse,
            "changes": changes,
            "notes": list(self.notes),
        }


def compare_with_baseline(
    document: Mapping[str, Any], path: Path, *, name: str, renew: bool = False
) -> Comparison:
    """Compare a result file with a baseline; create the baseline if it is not there yet.

    Args:
        document: content of the result file.
        path: file of the baseline.
        name: name of the baseline.
        renew: whether to replace the baseline by this result.

    Raises:
        ResultFileError: the baseline cannot be read or written.
    """
    if renew or not path.exists():
        write_json(path, _build_baseline(document, name))
        return Comparison(name, is_new=True)
    baseline = read_baseline(path)
    changes = compare_steps(baseline["steps"], document["steps"])
    notes = tuple(_list_notes(baseline, document))
    return Comparison(name, is_new=False, changes=tuple(changes), notes=notes)


def read_baseline(path: Path) -> dict[str, Any]:
    """Read a baseline.

    Raises:
        ResultFileError: it cannot be read, is of a later version, or is damaged.
    """
    baseline = read_json(path, expected_format=FORMAT, version=VERSION)
    try:
        _collect_times(baseline["steps"])
        dict(baseline["environment"])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ResultFileError(f"{path} is damaged: {error!r}") from error
    return baseline


def _build_baseline(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    kept = ("load", "phase", "replicas", "sent", "quantiles")
    steps = [
        {key: step[key] for key in kept} | {"samples": {"stages": step["samples"]["stages"]}}
        for step in document["steps"]
    ]
    head = {key: document[key] for key in ("id", "scenario", "started", "environment", "settings")}
    return {"format": FORMAT, "version": VERSION, "name": name, **head, "steps": steps}


def _list_notes(baseline: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    compared = ("cpu_model", "cpus", "target", "python")
    before, after = baseline["environment"], document["environment"]
    return [
        f"{key} was {before.get(key)!r} in the baseline, and is {after.get(key)!r}"
        for key in compared
        if before.get(key) != after.get(key)
    ]


def compare_steps(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> list[QuantileChange]:
    """Compare all steps that both runs have."""
    old, new = _collect_times(before), _collect_times(after)
    found: list[tuple[StepKey, str, str, Sequence[float], Sequence[float]]] = [
        (key, stage, quantile, old[key][stage], new[key][stage])
        for key in old
        if key in new
        for stage in old[key]
        if stage in new[key]
        for quantile in _QUANTILES
    ]
    are_enough = [min(len(first), len(second)) >= _MIN_EVENTS for *_, first, second in found]
    adjusted = iter(
        adjust_p_values(
            [
                measure_significance(first, second, _QUANTILES[quantile])
                for (*_, quantile, first, second), is_enough in zip(found, are_enough, strict=True)
                if is_enough
            ]
        )
    )
    return [
        QuantileChange(
            key[0],
            key[1],
            stage,
            quantile,
            find_quantile(sorted(first), _QUANTILES[quantile]),
            find_quantile(sorted(second), _QUANTILES[quantile]),
            next(adjusted) if is_enough else None,
        )
        for (key, stage, quantile, first, second), is_enough in zip(found, are_enough, strict=True)
    ]


def _collect_times(steps: Sequence[Mapping[str, Any]]) -> dict[StepKey, dict[str, list[float]]]:
    """Collect the upper bounds of all stage times, over the steps that are alike."""
    found: dict[StepKey, dict[str, list[float]]] = {}
    for step in steps:
        times = found.setdefault((step["load"], step["phase"], step["replicas"]), {})
        for stage, values in step["samples"]["stages"].items():
            times.setdefault(stage, []).extend(value[1] for value in values if value is not None)
    return found


def format_comparison(comparison: Comparison) -> str:
    """Format what is worse, or that nothing is."""
    if comparison.is_new:
        return f"baseline {comparison.name}: kept from this run"
    worse = [change for change in comparison.changes if change.is_worse]
    lines = [
        f"baseline {comparison.name}: {len(worse)} of {len(comparison.changes)} quantiles are worse"
    ]
    lines += [
        f"  {change.stage} {change.quantile} at {change.load:g} {change.phase}: "
        f"{change.before:.4f} s, now {change.after:.4f} s ({change.change:+.0%}, p {change.p:.4f})"
        for change in worse
    ]
    return "\n".join([*lines, *(f"  {note}" for note in comparison.notes)])
