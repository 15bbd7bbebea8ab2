"""`python -m tests.benchmarks.checks`: recall and false alarms of the checks.

Reads the files in `queries/`, right queries and ones with a known fault, checks each in a spec of
its own, and writes the page of the documentation. With `--check` it only compares with the targets.
"""

import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from generator.clients.prometheus import MetricFactsClient
from generator.pipeline import BuildSettings, plan_build
from generator.settings import MetricsSource, RunSettings
from slos.schema.no_series import find_result_without_series
from tests.benchmarks.report import render_results, render_table
from tests.benchmarks.targets import TargetResult
from tests.exporter.slo_probe import run_prometheus
from tests.generator.spec_pipeline import build_source
from tests.schema.specs import EVENTS, build_slo, build_spec
from tests.schema.test_standalone_alerts import build_alert

_FOLDER = Path(__file__).with_name("queries")
_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-checks.md"
_SEPARATOR = " ;; "
_RIGHT, _UNSEEN = "right", "unseen"
_MIN_RECALL, _MAX_FALSE_ALARMS = 0.9, 0.03
_SETS = {
    "first": "The checks were mended until they found most of these.",
    "later": "Written afterwards. At first the checks found 42 of these 46 faults, with 3 false "
    "alarms in 50 right queries. Two of the three were mended.",
    "live": "With `--prometheus`, and a real Prometheus that scrapes a few series.",
}


@dataclass(frozen=True, slots=True)
class WildQuery:
    """Line of a file of queries.

    Attributes:
        fault: check that must find the fault; `right`, or `unseen` where no check can know.
        kind: SLI type, `alert` or `objective`.
        parts: queries and values.
    """

    fault: str
    kind: str
    parts: tuple[str, ...]

    @property
    def has_fault(self) -> bool:
        """Tell whether a check must find something."""
        return self.fault not in (_RIGHT, _UNSEEN)

    def build_document(self) -> dict[str, Any]:
        """Build a spec of this query alone."""
        if self.kind == "objective":
            return build_spec(build_slo(objective=float(self.parts[0]), sli=EVENTS), period="1d")
        if self.kind != "alert":
            return build_spec(build_slo(sli=self._build_sli()), period="1d")
        query, side, text = self.parts
        value, step = float(text), 1 if side == "above" else -1
        sides = {"above": None, "below": None, side: value}
        result = find_result_without_series(query)
        fires = result is not None and (result - value) * step > 0
        alert = build_alert(
            query=query,
            **sides,
            quiet=value - step,
            firing=value + step,
            no_data="firing" if fires else "silent",
        )
        return build_spec(slos=[], alerts=[alert])

    def _build_sli(self) -> dict[str, Any]:
        window = "{{.window}}"
        first, *rest = (
            part.replace("W]", f"{window}]").replace("W:", f"{window}:") for part in self.parts
        )
        metric, _, selector = first.partition("{")
        keys: dict[str, dict[str, Any]] = {
            "events": {"error_query": first, "total_query": rest[0] if rest else ""},
            "good_events": {"good_query": first, "total_query": rest[0] if rest else ""},
            "raw": {"error_ratio_query": first},
            "gauge": {"metric": first, "selector": rest[0] if rest else ""},
            "threshold": dict(
                zip(
                    ("query", "comparison", "value"),
                    (first, *map(_parse_number, rest)),
                    strict=False,
                )
            ),
            "latency": {
                "metric": metric,
                "selector": selector.removesuffix("}"),
                "threshold": _parse_number(rest[0]) if rest else "",
            },
        }
        return {self.kind: keys[self.kind]}


@dataclass(frozen=True, slots=True)
class CheckedQuery:
    """Query and the checks that found something in it."""

    query: WildQuery
    checks: tuple[str, ...]

    @property
    def is_found(self) -> bool:
        """Tell whether the right check found the fault."""
        return self.query.fault in self.checks


def read_queries(name: str) -> list[WildQuery]:
    """Read the queries of a file."""
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    rows = (f"{line} ".split(_SEPARATOR) for line in lines if line and not line.startswith("#"))
    return [
        WildQuery(fault, kind, tuple(part.strip() for part in parts))
        for fault, kind, *parts in rows
    ]


def check_query(query: WildQuery, metrics_source: MetricsSource | None = None) -> CheckedQuery:
    """Check a query; an error of its spec is named `error`."""
    run_settings = RunSettings(review=True, writes_runbooks=True, metrics_source=metrics_source)
    source = build_source(query.build_document())
    plan = plan_build([source], BuildSettings(run_settings=run_settings))
    return CheckedQuery(query, tuple(problem.check or "error" for problem in plan.problems))


def check_all() -> dict[str, list[CheckedQuery]]:
    """Check the queries of all files."""
    static = {name: list(map(check_query, read_queries(name))) for name in ("first", "later")}
    with TemporaryDirectory() as folder, serve_series(Path(folder)) as url:
        client = MetricFactsClient(url)
        return {**static, "live": [check_query(each, client) for each in read_queries("live")]}


@contextmanager
def serve_series(folder: Path) -> Iterator[str]:
    """Run a Prometheus that has the series of `series.prom`; yield its URL."""
    text = (_FOLDER / "series.prom").read_bytes()

    class Exposition(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Exposition) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        target = f"127.0.0.1:{server.server_port}"
        twice = "min(count_over_time(http_requests_total[1m])) >= 2"
        try:
            with run_prometheus(folder, "shop", target, holds=twice) as url:
                yield url
        finally:
            server.shutdown()
            thread.join()


def check_targets(checked: dict[str, list[CheckedQuery]]) -> list[TargetResult]:
    """Compare recall and false alarms of each file with the targets."""
    results = []
    for name, queries in checked.items():
        faulty = [each for each in queries if each.query.has_fault]
        right = [each for each in queries if each.query.fault == _RIGHT]
        found = sum(each.is_found for each in faulty)
        alarms = sum(bool(each.checks) for each in right)
        results += [
            TargetResult(
                f"{name}: at least {_MIN_RECALL:.0%} of the faults are found",
                f"{found} of {len(faulty)}",
                found >= _MIN_RECALL * len(faulty),
            ),
            TargetResult(
                f"{name}: at most {_MAX_FALSE_ALARMS:.0%} of the right queries have a finding",
                f"{alarms} of {len(right)}",
                alarms <= _MAX_FALSE_ALARMS * len(right),
            ),
        ]
    return results


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a target is missed.")
def main(*, check: bool) -> None:
    """Measure the checks, and write the page."""
    checked = check_all()
    results = check_targets(checked)
    page = render_page(checked, results)
    click.echo(page)
    if not check:
        _PAGE.write_text(page, encoding="utf-8")
    sys.exit(0 if all(result.met for result in results) else 1)


def render_page(checked: dict[str, list[CheckedQuery]], results: Sequence[TargetResult]) -> str:
    """Render the page of the documentation."""
    total = sum(map(len, checked.values()))
    parts = [_HEAD.format(total=total), render_results(results)]
    for name, queries in checked.items():
        parts += [f"## {name.capitalize()}\n\n{_SETS[name]}\n", _render_checks(queries)]
        parts.append(_render_misses(queries))
    return "\n".join(parts)


def _render_checks(queries: Iterable[CheckedQuery]) -> str:
    faults, found, alarms = Counter[str](), Counter[str](), Counter[str]()
    for each in queries:
        if each.query.has_fault:
            faults[each.query.fault] += 1
            found[each.query.fault] += each.is_found
        elif each.query.fault == _RIGHT:
            alarms.update(set(each.checks))
    right = sum(each.query.fault == _RIGHT for each in queries)
    names = sorted({*faults, *alarms})
    rows = [(name, f"{faults[name]}", f"{found[name]}", f"{alarms[name]}") for name in names]
    rows.append(("all", f"{faults.total()}", f"{found.total()}", f"{alarms.total()}"))
    return render_table(("check", "faults", "found", f"false alarms, {right} right queries"), rows)


def _render_misses(queries: Iterable[CheckedQuery]) -> str:
    lines = []
    for each in queries:
        text = " ".join(f"`{part}`" for part in each.query.parts if part)
        if each.query.has_fault and not each.is_found:
            lines.append(f"- not found, {each.query.fault}: {text}")
        elif each.query.fault == _RIGHT and each.checks:
            lines.append(f"- false alarm, {', '.join(sorted(set(each.checks)))}: {text}")
    return "\n".join([*lines, ""])


def _parse_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


_HEAD = """\
# Benchmark of the checks

Made by `make bench-checks`; do not edit. {total} queries in `tests/benchmarks/queries/`, written
for this measurement in the style of public specs: right ones, and ones with a known fault. Each is
checked in a spec of its own. A fault is found where the check of its kind has a finding; a false
alarm is a right query with any finding. The queries of others have faults of other kinds too, so
the recall on them is lower.

## Targets
"""

if __name__ == "__main__":
    main()
