"""Samples of series: merged, marked where a series ends, and as OpenMetrics text."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from generator.clients.range_queries import Labels, SampleArrays

# A NaN of its own, by which Prometheus marks that a series has ended (model/value/value.go).
STALE_MARKER: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
Samples = list[tuple[int, float]]
"""Times in milliseconds and values, in the order of time."""
SeriesByLabels = dict[Labels, Samples]

_NAME = "__name__"
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def pair_samples(series: SampleArrays) -> SeriesByLabels:
    """Pair the times and the values of series."""
    return {
        labels: list(zip(map(int, samples[::2]), samples[1::2], strict=True))
        for labels, samples in series.items()
    }


def relabel_series(
    series: SeriesByLabels, metric: str, labels: Mapping[str, str]
) -> SeriesByLabels:
    """Give series the name and the labels of a rule; those that become one are merged."""
    merged: SeriesByLabels = {}
    for old, samples in series.items():
        new = {**dict(old), **labels, _NAME: metric}
        key = tuple(sorted((name, value) for name, value in new.items() if value))
        merged.setdefault(key, []).extend(samples)
    for samples in merged.values():
        samples.sort(key=lambda sample: sample[0])
    return merged


def mark_ends(samples: Samples, interval: int, end: int) -> Samples:
    """Add a marker after each sample that the next evaluation did not follow."""
    marked: Samples = []
    for sample, (following, _) in pairwise([*samples, (end, 0.0)]):
        marked.append(sample)
        if following > sample[0] + interval:
            marked.append((sample[0] + interval, STALE_MARKER))
    return marked


def format_openmetrics(series: SeriesByLabels) -> Iterator[str]:
    """Format series as lines of OpenMetrics text, without the end mark."""
    for labels, samples in series.items():
        values = dict(labels)
        metric = values.pop(_NAME)
        text = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in values.items())
        for time, value in samples:
            yield f"{metric}{{{text}}} {value!r} {time // 1000}.{time % 1000:03}\n"


def count_samples(series: Iterable[Samples]) -> int:
    """Count the samples of series."""
    return sum(map(len, series))
