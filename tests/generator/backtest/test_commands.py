"""`slo-rules backtest` and `slo-rules suggest` on a Prometheus with one outage."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

from tests.generator.backtest.past import DAY, MINUTE, START, FakePrometheus, serve
from tests.generator.command_line import run_slo_rules
from tests.schema.specs import build_slo, build_spec, dump_yaml

OUTAGE = START + 5 * DAY
END = START + 12 * DAY
LATENCY = {"latency": {"metric": "shop_request_duration_seconds", "threshold": "500ms"}}


def format_time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePrometheus]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    spec = build_spec(
        build_slo(objective=99),
        build_slo(name="latency", objective=99, sli=LATENCY, alerting={"name": "Slow"}),
    )
    (tmp_path / "shop.yaml").write_bytes(dump_yaml(spec))
    bounds = ("0.1", "0.25", "0.5", "1.0", "2.5", "+Inf")
    with serve(FakePrometheus(bad=(OUTAGE + 1, OUTAGE + 40 * MINUTE), bounds=bounds)) as running:
        yield running


def run(command: str, server: FakePrometheus, folder: Path, *args: str | Path) -> Result:
    times = ("--from", format_time(START), "--to", format_time(END))
    address = ("--prometheus", server.url)
    return run_slo_rules(command, folder / "shop.yaml", *address, *times, *args)


def test_the_report_shows_each_episode(server: FakePrometheus, tmp_path: Path) -> None:
    result = run("backtest", server, tmp_path, "--slo", "shop-requests")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("shop-requests: 99 % over 30d, 2024-10-04 00:00 to")
    assert lines[1] == ("  errors 0.231 %, objective kept; 1 page (0.6 a week); 0 tickets")
    assert lines[3].split()[:4] == ["TooManyErrors", "page", "2024-10-09", "00:09"]
    assert "shop-latency" not in result.stdout


def test_incidents_give_precision_and_recall_of_each_candidate(
    server: FakePrometheus, tmp_path: Path
) -> None:
    incidents = tmp_path / "incidents.yaml"
    incidents.write_text(
        f"incidents:\n- start: {format_time(OUTAGE)}\n  end: {format_time(OUTAGE + 60 * MINUTE)}\n"
        f"- start: {format_time(START + DAY)}\n  end: {format_time(START + 2 * DAY)}\n"
    )
    result = run(
        "backtest", server, tmp_path, "--json", "--incidents", incidents, "--objective", "99.9",
        "--slo", "requests",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (slo,) = json.loads(result.stdout)["slos"]
    assert (slo["precision"], slo["recall"], slo["pages"]) == (1, 0.5, 1)
    assert [each["objective"] for each in slo["candidates"]] == [99, 99.9]
    assert [each["kept"] for each in slo["candidates"]] == [True, False]
    assert slo["candidates"][1]["detection_seconds"] < slo["candidates"][0]["detection_seconds"]
    assert slo["candidates"][1]["pareto_front"]


def test_what_was_read_is_not_read_again(server: FakePrometheus, tmp_path: Path) -> None:
    run("backtest", server, tmp_path)
    first = len(server.queries)
    run("backtest", server, tmp_path)
    assert len(server.queries) == first
    run("backtest", server, tmp_path, "--no-cache")
    assert len(server.queries) == 2 * first


def test_the_page_is_written_to_the_file(server: FakePrometheus, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run("backtest", server, tmp_path, "--html", page).exit_code == 0
    assert "TooManyErrors" in page.read_text()


def test_a_suggestion_comes_for_each_bucket_around_the_threshold(
    server: FakePrometheus, tmp_path: Path
) -> None:
    result = run("suggest", server, tmp_path, "--json")
    assert result.exit_code == 0, result.output
    requests, latency = json.loads(result.stdout)["slos"]
    assert len(requests["suggestions"]) == 1
    # One page in twelve days is more than two in thirty, where half of the budget pages.
    assert requests["suggestions"][0]["objective"] == 95
    assert [each["threshold"] for each in latency["suggestions"]] == [
        "0.1", "0.25", "0.5", "1", "2.5",
    ]  # fmt: skip
    text = run("suggest", server, tmp_path, "--max-pages", "0", "--slo", "requests").stdout
    assert "shop-requests: 99 % now\n" in text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--slo", "shop-carts"), "no SLO shop-carts; known: shop-requests, shop-latency"),
        (("--from", "never"), "'never' is not a time; write it like 30d or 2026-03-01"),
        (("--to", "2020-01-01"), "--from is not before --to"),
        (("--objective", "100"), "'100' is not an objective; write a percentage like 99.9"),
        (("--threshold", "fast"), "'fast' is not a threshold; write it like 500ms or 0.5"),
    ],
)
def test_a_wrong_option_is_explained(
    args: tuple[str, ...], message: str, server: FakePrometheus, tmp_path: Path
) -> None:
    result = run("backtest", server, tmp_path, *args)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("command", ["backtest", "suggest"])
def test_a_prometheus_that_is_not_there_is_one_error(
    command: str, server: FakePrometheus, tmp_path: Path
) -> None:
    server.url = "http://127.0.0.1:9"
    result = run(command, server, tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: cannot query http://127.0.0.1:9: ")
