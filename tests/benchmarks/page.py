"""`python -m tests.benchmarks.page`: time and size of the pages of `slo-rules serve`.

A real Prometheus has the recorded series of 1,000 SLOs. With `--check` nothing is written.
"""

import math
import re
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import requests
from playwright.sync_api import sync_playwright

from exporter.devstack.stack import find_binary
from generator import names
from tests.benchmarks.report import render_results, render_table
from tests.benchmarks.targets import TargetResult
from tests.benchmarks.tsdb import format_series
from tests.generator.recorded_history import DAY, History, list_series, steady
from tests.web.conftest import run_pages, run_prometheus_with

_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-page.md"
_SLOS = 1000
_RUNS = 15
_PAINTS = 7
_PAINT_ROW = "overview, first paint in Chromium"
_FIRST_PAINT = """new Promise(resolve => new PerformanceObserver(list =>
  list.getEntriesByName("first-contentful-paint").forEach(entry => resolve(entry.startTime)))
  .observe({type: "paint", buffered: true}))"""
_MAX_SECONDS, _MAX_BYTES = 0.3, 200_000
_HEAD = """# Benchmark of the pages

`make bench-page` measures `slo-rules serve` over a real Prometheus that has the recorded series
of 1,000 SLOs, on loopback. Times are medians of requests of the whole page, rendered anew; sizes
are as sent, with gzip.
"""


@contextmanager
def serve_slos(count: int) -> Iterator[str]:
    """The pages over a Prometheus with some SLOs."""
    with TemporaryDirectory() as folder:
        text = list_samples(count, time.time() // 60 * 60)
        with (
            run_prometheus_with(Path(folder), text) as url,
            run_pages(Path(folder), "--prometheus", url) as pages,
        ):
            yield pages


def list_samples(count: int, now: float) -> Iterator[str]:
    """Newest samples of all series, and burn rates of a day."""
    for index in range(count):
        slo = History(
            f"requests-{index:04}",
            steady(0.00001 * (index % 100)),
            service=f"service-{index % 40}",
            labels={"team": f"team-{index % 12}", "tier": "1"},
        )
        for text in list_series(slo, now, 1200):
            if not text.startswith(f"{names.CURRENT_BURN_RATE}{{"):
                yield text
        times = [*range(-DAY, -1800, 3600), *range(-1200, 1200, 240)]
        samples = [
            (round((now + at) * 1000), f"{1 + math.sin(index + at / 9000):.4f}") for at in times
        ]
        yield format_series(names.CURRENT_BURN_RATE, {**slo.labels, **slo.identity}, samples)


def measure(url: str, *, runs: int = _RUNS) -> tuple[float, int]:
    """Median time of a page, and its size as sent."""
    times, size = [], 0
    session = requests.Session()
    for number in range(runs):
        started = time.perf_counter()
        # Another query, so that no page is one that was rendered before.
        response = session.get(url, params={"q": " " * number}, stream=True, timeout=60)
        size = len(response.raw.read())
        times.append(time.perf_counter() - started)
        response.raise_for_status()
    return statistics.median(times), size


def measure_paint(url: str) -> float:
    """Median time of the first paint in Chromium, from the start of the navigation."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_binary("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        times = []
        for number in range(_PAINTS):
            page = browser.new_page(viewport={"width": 1300, "height": 900})
            page.goto(f"{url}?q={'+' * number}", wait_until="load")
            times.append(float(page.evaluate(_FIRST_PAINT)))
            page.close()
        browser.close()
    return statistics.median(times) / 1000


def measure_pages() -> tuple[list[tuple[str, float, int]], float]:
    """Times and sizes of all pages, and the queries of one overview."""
    with serve_slos(_SLOS) as pages:
        rows = [("overview, nothing read yet", *measure(f"{pages}/", runs=1))]
        (queries,) = re.findall(
            r"serve_queries_total\{.*\} (\S+)", requests.get(f"{pages}/metrics", timeout=30).text
        )
        rows += [
            (name, *measure(f"{pages}/{path}"))
            for name, path in (
                ("overview, the 100 worst", ""),
                ("overview, all 1,000", "?show=all"),
                ("page of an SLO, a day", "slo?id=service-7-requests-0007"),
                ("JSON of all", "api/v1/slos"),
            )
        ]
        if find_binary("chromium"):
            rows += [
                (_PAINT_ROW, measure_paint(f"{pages}/"), rows[1][2]),
                ("first paint of an error page", measure_paint(f"{pages}/none"), 0),
            ]
    return rows, float(queries)


def check_targets(rows: list[tuple[str, float, int]]) -> list[TargetResult]:
    """Compare with the targets: the time and the size of the whole overview."""
    return [
        result
        for name, seconds, size in rows
        if name.startswith(("overview, all", "overview, the", _PAINT_ROW))
        for result in (
            TargetResult(
                f"{name}: under 300 ms", f"{1000 * seconds:.0f} ms", seconds < _MAX_SECONDS
            ),
            TargetResult(f"{name}: under 200 kB", f"{size / 1000:.0f} kB", size < _MAX_BYTES),
        )
    ]


@click.command()
@click.option("--check", is_flag=True, help="Only compare with the targets.")
def main(*, check: bool) -> None:
    """Measure the pages, and write docs/benchmarks-page.md."""
    rows, queries = measure_pages()
    results = check_targets(rows)
    table = render_table(
        ("page", "time", "size"),
        [
            (name, f"{1000 * seconds:.0f} ms", f"{size / 1000:.0f} kB" if size else "")
            for name, seconds, size in rows
        ],
    )
    text = f"{_HEAD}\n{table}\nThe first overview sent {queries:.0f} queries.\n\n"
    text += f"## Targets\n\n{render_results(results)}\n"
    click.echo(text)
    if not check:
        _PAGE.write_text(text)
    sys.exit(0 if all(result.met for result in results) else 1)


if __name__ == "__main__":
    main()
