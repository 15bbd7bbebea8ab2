"""Samples and native histograms, written to a real Prometheus by remote write 1.0.

Native histograms are those of `prompb/types.proto` of Prometheus.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from exporter.devstack import stack
from generator.clients.remote_write import compress, encode_field, encode_number, encode_sample


@dataclass(frozen=True, slots=True)
class FloatSample:
    """Value at one time, in milliseconds since the epoch."""

    time: int
    value: float


@dataclass(frozen=True, slots=True)
class NativeHistogram:
    """Native histogram at one time.

    Attributes:
        time: milliseconds since the epoch.
        schema: resolution; there are `2**schema` buckets between a number and its double.
        counts: number of observations by their value, in ascending order.
    """

    time: int
    schema: int
    counts: Mapping[float, int]


Series = tuple[Mapping[str, str], Sequence[FloatSample | NativeHistogram]]
"""Labels with the name of the metric, and samples in the order of time."""


def encode_write_request(series: Sequence[Series]) -> bytes:
    """Encode series as a `WriteRequest`."""
    return b"".join(encode_field(1, _encode_series(labels, each)) for labels, each in series)


def _encode_series(
    labels: Mapping[str, str], samples: Sequence[FloatSample | NativeHistogram]
) -> bytes:
    encoded_labels = (
        encode_field(1, encode_field(1, name.encode()) + encode_field(2, value.encode()))
        for name, value in sorted(labels.items())
    )
    return b"".join([*encoded_labels, *map(_encode_sample, samples)])


def _encode_sample(sample: FloatSample | NativeHistogram) -> bytes:
    if isinstance(sample, NativeHistogram):
        return encode_field(4, _encode_histogram(sample))
    return encode_sample(sample.time, sample.value)


def _encode_histogram(histogram: NativeHistogram) -> bytes:
    buckets = {
        math.ceil(math.log2(value) * 2**histogram.schema): count
        for value, count in histogram.counts.items()
    }
    fields = [
        encode_number(1, sum(buckets.values())),
        encode_number(4, _zigzag(histogram.schema)),
        encode_number(6, 0),
    ]
    next_bucket, previous_count = 0, 0
    for bucket, count in buckets.items():
        offset = encode_number(1, _zigzag(bucket - next_bucket))
        fields.append(encode_field(11, offset + encode_number(2, 1)))
        fields.append(encode_number(12, _zigzag(count - previous_count)))
        next_bucket, previous_count = bucket + 1, count
    return b"".join([*fields, encode_number(15, histogram.time)])


def _zigzag(value: int) -> int:
    return 2 * value if value >= 0 else -2 * value - 1


@contextmanager
def run_receiver(binary: Path, folder: Path, configuration: str = "global: {}\n") -> Iterator[str]:
    """Run a Prometheus that takes samples and histograms by remote write; yields its address."""
    config, port = folder / "prometheus.yml", stack.find_free_port()
    config.write_text(configuration)
    url = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=native-histograms",
        "--web.enable-remote-write-receiver",
    ]
    child = stack.start_process("prometheus", command, folder=folder)
    try:
        child.wait_for(lambda: requests.get(f"{url}/-/ready", timeout=5).ok)
        yield url
    finally:
        child.stop()


def write_series(url: str, series: Sequence[Series]) -> None:
    """Write series in one request."""
    headers = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    body = compress(encode_write_request(series))
    response = requests.post(f"{url}/api/v1/write", data=body, headers=headers, timeout=30)
    assert response.ok, response.text
