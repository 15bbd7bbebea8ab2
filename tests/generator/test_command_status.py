"""`slo-rules status` on recorded series: output, exit codes, and watching."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from generator.clients.json_api import APIError
from generator.clients.slo_status import RecordedSLOs
from generator.commands import status
from tests.generator.command_line import run_slo_rules
from tests.generator.recorded_slos import (
    BUDGET,
    BURN,
    HEALTHY,
    HOUR,
    build_alert,
    build_recorded,
    build_samples,
)

URL = "http://prometheus.example:9090"
LOW = {**HEALTHY, BUDGET: 0.05}


@pytest.fixture
def matchers(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The matchers of each reading of a Prometheus with three SLOs."""
    seen: list[Sequence[str]] = []
    recorded = build_recorded(
        build_samples(LOW, team="web"), build_samples(HEALTHY, "carts"), build_samples({}, "new")
    )

    def read(url: str, given: Sequence[str]) -> RecordedSLOs:
        assert url == URL
        seen.append(given)
        return recorded

    monkeypatch.setattr(status, "read_recorded_slos", read)
    return seen


def serve(monkeypatch: pytest.MonkeyPatch, answer: RecordedSLOs | APIError) -> None:
    def read(_: str, __: Sequence[str]) -> RecordedSLOs:
        if isinstance(answer, APIError):
            raise answer
        return answer

    monkeypatch.setattr(status, "read_recorded_slos", read)


def run_status(*args: str) -> Result:
    return run_slo_rules("status", "--prometheus", URL, *args)


@pytest.mark.usefixtures("matchers")
def test_all_slos_are_a_table_with_what_is_wrong_first() -> None:
    result = run_status()
    assert result.exit_code == 0
    assert result.stdout == (
        "STATE    SLO            OBJECTIVE  BUDGET LEFT  BURN  EXHAUSTED IN  ALERTS\n"
        "burning  shop-requests  99.9 %     5.0 %        0.10  15d\n"
        "no data  shop-new       99.9 %     -            -     -\n"
        "ok       shop-carts     99.9 %     90.0 %       0.10  never\n"
    )
    assert result.stderr == "3 SLOs: 1 burning, 1 no data, 1 ok\n"


def test_ids_and_selectors_become_matchers(matchers: list[Sequence[str]]) -> None:
    run_status("shop-carts", "a.b", "--selector", '{team="web"}', "--selector", "tier!='1'")
    assert matchers == [['sloth_id=~"shop\\\\-carts|a\\\\.b"', 'team="web"', "tier!='1'"]]


@pytest.mark.usefixtures("matchers")
@pytest.mark.parametrize(
    ("conditions", "code", "messages"),
    [
        (["alerts > 0"], 0, []),
        (["budget < 10%"], 1, ["budget < 10% holds for shop-requests"]),
        (["budget < 1%"], 3, ["budget < 1% is not known for shop-new"]),
        (
            ["burn > 2", "budget < 10%"],
            1,
            ["burn > 2 is not known for shop-new", "budget < 10% holds for shop-requests"],
        ),
    ],
)
def test_the_exit_code_tells_a_condition_that_holds_from_one_that_is_not_known(
    conditions: list[str], code: int, messages: list[str]
) -> None:
    result = run_status(*(word for each in conditions for word in ("--fail-if", each)))
    assert result.exit_code == code
    for message in messages:
        assert message in result.stderr


@pytest.mark.usefixtures("matchers")
def test_a_named_slo_that_is_not_recorded_is_an_error() -> None:
    result = run_status("shop-carts", "shop-cart", "--fail-if", "budget < 10%")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == f"error: {URL} has no SLO shop-cart; are the rules loaded?\n"


def test_a_prometheus_without_slos_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, build_recorded())
    result = run_status("--selector", 'team="web"')
    assert result.exit_code == 3
    assert "has no SLO that the selectors match" in result.stderr


def test_a_prometheus_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, APIError("cannot query it"))
    result = run_status("--json", "--fail-if", "alerts > 0")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "error: cannot query it\n"


def test_json_has_all_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {**HEALTHY, BURN: float("inf"), HOUR: 0.01}
    samples = build_samples(values, group={"code": "a"}, team="web")
    serve(monkeypatch, build_recorded(samples, alerts=(build_alert("Slow"),)))
    result = run_status("--json", "--fail-if", "alerts > 0")
    document: dict[str, Any] = json.loads(result.stdout, parse_constant=pytest.fail)
    assert document == {
        "slos": [
            {
                "id": "shop-requests",
                "service": "shop",
                "slo": "requests",
                "labels": {"team": "web"},
                "group": {"code": "a"},
                "state": "page",
                "objective": 0.999,
                "budget": 0.9,
                "burn": "+Inf",
                "exhaustion": {
                    "earliest": pytest.approx(233_280),
                    "latest": "+Inf",
                    "burn": {"1h": pytest.approx(10), "6h": pytest.approx(0.1)},
                },
                "coverage": None,
                "alerts": [{"name": "Slow", "severity": "page"}],
            }
        ],
        "conditions": [
            {
                "condition": "alerts > 0",
                "holds_for": ['shop-requests{code="a"}'],
                "unknown_for": [],
            }
        ],
    }
    assert result.exit_code == 1


def test_watching_prints_again_after_each_interval_and_survives_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[RecordedSLOs | APIError] = [
        build_recorded(build_samples(HEALTHY)), APIError("it restarts"),
        build_recorded(build_samples(LOW)),
    ]  # fmt: skip
    waits: list[float] = []

    def read(_: str, __: Sequence[str]) -> RecordedSLOs:
        answer = answers.pop(0)
        if isinstance(answer, APIError):
            raise answer
        return answer

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if not answers:
            raise KeyboardInterrupt

    monkeypatch.setattr(status, "read_recorded_slos", read)
    monkeypatch.setattr("generator.commands.status.time.sleep", sleep)
    result = run_status("--watch", "15s")
    assert (result.exit_code, waits) == (0, [15, 15, 15])
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "STATE", "ok", "STATE", "burning",
    ]  # fmt: skip
    assert "\x1b" not in result.stdout
    assert "error: it restarts\n" in result.stderr


@pytest.mark.usefixtures("matchers")
def test_the_prometheus_of_the_project_settings_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slo-rules.yaml").write_text(f"prometheus: {URL}\n")
    monkeypatch.chdir(tmp_path)
    assert run_slo_rules("status").exit_code == 0
