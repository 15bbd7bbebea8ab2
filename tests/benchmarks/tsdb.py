"""Samples into blocks of a real TSDB, through OpenMetrics text and promtool.

A failed scrape leaves a gap here, but no staleness marker, which OpenMetrics cannot express;
functions over ranges leave markers out anyway.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from exporter.devstack.stack import find_binary
from tests.benchmarks.counters import SyntheticCounter
from tests.benchmarks.traffic import BLOCK, HOUR


class MissingToolError(Exception):
    """Prometheus or promtool is not here."""


def find_tool(name: str) -> Path:
    """The path of a program.

    Raises:
        MissingToolError: when it is neither on PATH nor in `.tools`.
    """
    found = find_binary(name)
    if not found:
        raise MissingToolError(f"{name} is missing; run 'make tools'")
    return found


def format_series(
    metric: str, labels: dict[str, str], samples: Iterable[tuple[int, object]]
) -> str:
    """One series as OpenMetrics text; times come in milliseconds."""
    text = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    head = f"{metric}{{{text}}} "
    return "".join([f"{head}{value} {time // 1000}.{time % 1000:03}\n" for time, value in samples])


def write_counters(counters: Iterable[SyntheticCounter], folder: Path) -> None:
    """Everything that was scraped, as one block."""
    write_series(
        (format_series(c.metric, c.labels, c.generate_samples()) for c in counters), folder
    )


def write_series(series: Iterable[str], folder: Path) -> None:
    """Texts of whole series, as one block."""
    path = folder / "samples.om"
    empty = True
    with path.open("w") as file:
        for text in series:
            empty = empty and not text
            file.write(text)
        file.write("# EOF\n")
    if not empty:
        subprocess.run(
            [find_tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--quiet",
             f"--max-block-duration={BLOCK // HOUR}h", path, folder / "data"],
            check=True,
        )  # fmt: skip
    path.unlink()
