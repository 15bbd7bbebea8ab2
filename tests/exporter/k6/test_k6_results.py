"""Results of k6 in the report: summaries of the runners, and calls of the canary."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exporter.loadtest.result_file import ResultFileError
from exporter.model.engine_event import parse_engine_id
from exporter.prober.canary import REQUIRED_HEADERS
from exporter.report.writer import write_report
from tests.exporter.canary_harness import CanaryHarness, start_canary
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import FakeClock
from tests.exporter.k6.k6_scripts import run_script
from tests.exporter.k6.test_k6_script import emit


def run_runners(tmp_path: Path, *, dropped: int = 0) -> tuple[list[str], list[dict[str, Any]]]:
    """Run the script as four runners; return their summaries, and the events that they sent."""
    script, summaries, events = emit(tmp_path), [], []
    for number in range(4):
        given = {"env": {"RUNNER": f"k6-{number}"}, "iterations": 2 + number, "dropped": dropped}
        ran = run_script(script, tmp_path, **given)
        summaries.append(ran["summary"]["stdout"])
        events += [json.loads(request["body"]) for request in ran["requests"]]
    return summaries, events


async def call_canary(canary: CanaryHarness, event: dict[str, Any], **changes: str) -> int:
    """Call the canary as agent-sre does."""
    sent = json.loads(event["data"]["annotations"]["lambda_parameters"]) | changes
    headers = dict.fromkeys(REQUIRED_HEADERS, "x") | {"ce-id": event["id"]}
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{canary.url}/", json=sent, headers=headers) as reply,
    ):
        return reply.status


def write_summaries(summaries: list[str], folder: Path) -> None:
    folder.mkdir()
    for number, text in enumerate(summaries):
        (folder / f"k6-{number}.json").write_text(text)


def read_run(folder: Path) -> dict[str, Any]:
    """Write the report; return its only run."""
    write_report(folder)
    (entry,) = json.loads((folder / "report.json").read_text())["history"]
    assert isinstance(entry, dict)
    return entry


def test_summaries_of_all_runners_are_one_run_of_the_report(tmp_path: Path) -> None:
    summaries, _ = run_runners(tmp_path)
    write_summaries(summaries, tmp_path / "results")
    entry = read_run(tmp_path / "results")
    # Two steps, of two to five events for each runner; too few a second for the target.
    assert (entry["scenario"], entry["verdict"]) == ("throughput-k6", "missed")
    assert 0 < entry["measures"]["cloudevent_processing"] < 14
    markdown = (tmp_path / "results" / "report.md").read_text()
    assert "| throughput-k6 | missed | 28 |" in markdown
    assert "0.05 s (0.02 to 0.05)" in markdown, "a quantile is between those of the runners"
    run = json.loads(summaries[0])["plan"]["run"]
    assert f"is not known without the calls of the canary for run {run}" in markdown
    assert "threshold crossed" not in markdown


async def test_the_canary_tells_executed_duplicated_and_mixed_up_events_apart(
    tmp_path: Path, serving: Serve
) -> None:
    summaries, events = run_runners(tmp_path)
    sent = events[-10:]  # of one runner: here the numbers of each begin at 0
    last = parse_engine_id(sent[-1]["id"])
    assert last is not None
    run = last.run
    canary = await start_canary(serving, FakeClock(wall=last.sent_ms / 1000 + 0.5))
    first, second, third, *rest = sent
    assert await call_canary(canary, first) == 200
    assert await call_canary(canary, second) == await call_canary(canary, second) == 200
    assert await call_canary(canary, third, nonce="0" * 32) == 200
    assert canary.outcomes == [], "a load is not counted with the probes"
    document = canary.engine_calls.build_document(run)
    assert document is not None
    (step,) = document["steps"]
    counts = {name: step[name] for name in ("executed_once", "duplicated", "corrupted")}
    assert counts == {"executed_once": 1, "duplicated": 1, "corrupted": 1}

    for event in rest:
        await call_canary(canary, event)
    out = tmp_path / "results"
    write_summaries(summaries, out)
    (out / "canary.json").write_text(json.dumps(canary.engine_calls.build_document(run)))
    entry = read_run(out)
    assert entry["measures"]["cross_talk"] == 1
    assert entry["measures"]["executed_twice"] == 1
    assert 0 < entry["measures"]["executed_once"] < 1


async def test_an_event_of_an_hour_ago_is_unknown_to_the_canary(
    tmp_path: Path, serving: Serve
) -> None:
    _, events = run_runners(tmp_path)
    sent = parse_engine_id(events[0]["id"])
    assert sent is not None
    canary = await start_canary(serving, FakeClock(wall=sent.sent_ms / 1000 + 3600))
    assert await call_canary(canary, events[0]) == 404
    assert canary.engine_calls.build_document(sent.run) is None


def test_dropped_iterations_make_a_run_invalid_and_a_missing_runner_is_said(
    tmp_path: Path,
) -> None:
    summaries, _ = run_runners(tmp_path, dropped=3)
    out = tmp_path / "results"
    write_summaries(summaries, out)
    assert read_run(out)["verdict"] == "invalid"
    markdown = (out / "report.md").read_text()
    assert "k6 dropped 24 events" in markdown
    assert "threshold crossed: dropped_iterations count==0" in markdown
    (out / "k6-0.json").unlink()
    read_run(out)
    assert "the summaries of 1 runners are missing" in (out / "report.md").read_text()


def test_a_summary_of_another_format_is_an_error(tmp_path: Path) -> None:
    (summary, *_), _ = run_runners(tmp_path)
    damaged = json.loads(summary)
    damaged["metrics"]["checks{scenario:step_0}"] = ["of another version"]
    write_summaries([json.dumps(damaged)], tmp_path / "results")
    with pytest.raises(ResultFileError, match="a summary of k6 is damaged, or of another version"):
        write_report(tmp_path / "results")
