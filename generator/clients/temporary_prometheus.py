"""Prometheus of a run, in a temporary folder, which evaluates rules over what is written to it."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from generator.clients import remote_write
from generator.clients.json_api import APIError, read_json
from generator.clients.range_queries import RangeReader
from generator.clients.remote_write import Series

_DAY = 86_400_000
_SAMPLES_IN_ONE_REQUEST = 50_000
_READY_TIMEOUT, _STOP_TIMEOUT, _POLL_INTERVAL = 60.0, 20.0, 0.05
# One block, which is never written, takes samples of any age in any order of series.
_FLAGS = (
    "--storage.tsdb.min-block-duration=100000h",
    "--storage.tsdb.max-block-duration=100000h",
    "--storage.tsdb.retention.time=100y",
    "--web.enable-remote-write-receiver",
    "--query.timeout=10m",
    "--query.max-samples=500000000",
    "--log.level=error",
)


@dataclass(frozen=True, slots=True)
class TemporaryPrometheus:
    """Running Prometheus.

    Attributes:
        url: its base URL.
        reader: reader of its samples.
    """

    url: str
    reader: RangeReader

    def write_series(self, series: Iterable[Series]) -> None:
        """Write series, in as many requests as necessary.

        Raises:
            APIError: a request fails.
        """
        url = f"{self.url}/api/v1/write"
        for batch in _split_series(series):
            remote_write.write_series(url, batch)


def _split_series(series: Iterable[Series]) -> Iterator[list[Series]]:
    batch: list[Series] = []
    size = 0
    for labels, samples in series:
        for first in range(0, len(samples), _SAMPLES_IN_ONE_REQUEST):
            part = samples[first : first + _SAMPLES_IN_ONE_REQUEST]
            batch.append((labels, part))
            size += len(part)
            if size >= _SAMPLES_IN_ONE_REQUEST:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


@contextmanager
def run_temporary_prometheus(program: str) -> Iterator[TemporaryPrometheus]:
    """Run a Prometheus on a free port of the loopback interface, without scraping anything.

    Raises:
        APIError: it does not become ready.
    """
    with tempfile.TemporaryDirectory(prefix="slo-rules-") as folder:
        config = Path(folder, "prometheus.yml")
        config.write_text("global: {}\n", encoding="utf-8")
        address = f"127.0.0.1:{_find_free_port()}"
        with Path(folder, "log").open("w+b") as log:
            process = subprocess.Popen(  # noqa: S603 - the program that the user named
                [
                    program,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address={address}",
                    *_FLAGS,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            url = f"http://{address}"
            try:
                _wait_until_ready(url, process, Path(folder, "log"))
                yield TemporaryPrometheus(url, RangeReader(url, longest_chunk=_DAY))
            finally:
                _stop(process)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(APIError):
            read_json(url, "api/v1/status/buildinfo")
            return
        time.sleep(_POLL_INTERVAL)
    lines = log.read_text(errors="replace").strip().splitlines()
    reason = lines[-1] if lines else "no answer"
    raise APIError(f"the temporary Prometheus does not become ready: {reason}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
