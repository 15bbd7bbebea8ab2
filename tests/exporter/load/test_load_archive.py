"""Results of earlier runs: kept within bounds, whole, and never overwritten when damaged."""

import dataclasses
import logging
from pathlib import Path

import pytest

from exporter.load.archive import Archive, kept
from exporter.load.brake import Stop
from exporter.load.result import Measure, Result, State
from slos.schema.contract import Scenario


def result(number: int, scenario: Scenario = Scenario.STRESS, **known: object) -> Result:
    made = Result(str(number), scenario, State.COMPLETED, 1.7e9 + number, 1.7e9 + number + 60)
    return dataclasses.replace(made, **known)  # type: ignore[arg-type]


async def test_results_outlive_the_process_the_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "results"
    archive = Archive(path, keep=5)
    await archive.open()
    assert archive.of(Scenario.STRESS) == []
    for number in (1, 2):
        await archive.put(result(number, measures=(Measure("held_level", 50.0, 101.0),)))
    await archive.put(result(3, state=State.STOPPED, reason=Stop.OPERATOR))
    again = Archive(path, keep=5)
    await again.open()
    assert [each.id for each in again.of(Scenario.STRESS)] == ["3", "2", "1"]
    assert [each.id for each in again.completed(Scenario.STRESS)] == ["2", "1"]
    assert again.of(Scenario.STRESS) == archive.of(Scenario.STRESS)
    assert again.of(Scenario.THROUGHPUT) == []


async def test_a_run_that_goes_on_is_one_result(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "results", keep=5)
    await archive.put(result(1, state=State.RUNNING))
    await archive.put(result(1))
    assert [each.state for each in archive.of(Scenario.STRESS)] == [State.COMPLETED]


def test_only_the_last_are_kept_and_what_later_ones_are_compared_with() -> None:
    newest_first = [
        *(result(number, Scenario.SCALABILITY, level=3) for number in range(9, 2, -1)),
        result(2, Scenario.SCALABILITY, level=1),
        result(1, Scenario.SCALABILITY, level=1),
    ]
    assert [each.id for each in kept(newest_first, keep=2)] == ["9", "8", "2"]
    stopped = [result(3, state=State.STOPPED), result(2, state=State.STOPPED), result(1)]
    assert [each.id for each in kept(stopped, keep=1)] == ["3", "1"]


@pytest.mark.parametrize("content", [b"{", b"[{}]", b"3", b"\xff\xfe"])
async def test_a_damaged_file_is_set_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "results"
    path.write_bytes(content)
    (tmp_path / "results.damaged-1").write_text("an earlier one")
    archive = Archive(path, keep=5)
    with caplog.at_level(logging.ERROR):
        await archive.open()
        await archive.put(result(1))
    assert (tmp_path / "results.damaged-2").read_bytes() == content
    assert "was damaged" in caplog.text
    again = Archive(path, keep=5)
    await again.open()
    assert len(again.of(Scenario.STRESS)) == 1


async def test_unwritable_is_kept_in_mind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive = Archive(tmp_path / "missing" / "results", keep=5)
    await archive.put(result(1))
    assert [each.id for each in archive.of(Scenario.STRESS)] == ["1"]
    assert "cannot write" in caplog.text
