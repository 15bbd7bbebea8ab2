"""Checkpoint of a run: an interrupted run is not lost to one that is started anew."""

from pathlib import Path

import pytest

from exporter.loadtest.checkpoint import (
    Checkpoint,
    CheckpointError,
    CheckpointHeader,
    StoredStep,
)

STEP = StoredStep(5.0, "up", 1.0, 0.0, 1.5, 2, None, [0.0], ["slo-probe-1"], [0.001])


def build_header(run_id: str) -> CheckpointHeader:
    return CheckpointHeader(run_id, 1_700_000_000.0, {"settle": "5s"}, 1.0)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return Checkpoint(tmp_path / "scenarios-sustained")


def test_an_interrupted_run_is_resumable_after_another_one_has_completed(
    checkpoint: Checkpoint,
) -> None:
    assert checkpoint.start(build_header("first")) == 0
    checkpoint.add_step(STEP)
    assert checkpoint.start(build_header("second")) == 1
    assert checkpoint.read() == (build_header("first"), [STEP]), "the second has no step yet"
    checkpoint.add_step(STEP)
    assert checkpoint.read()[0].id == "second", "the run that was interrupted last"
    checkpoint.remove()
    header, steps = checkpoint.read()
    assert (header, steps) == (build_header("first"), [STEP])

    assert checkpoint.start(header) == 0, "it goes on"
    checkpoint.remove()
    with pytest.raises(CheckpointError, match="there is no interrupted run to resume"):
        checkpoint.read()


def test_a_run_without_steps_is_not_kept(checkpoint: Checkpoint) -> None:
    checkpoint.start(build_header("first"))
    assert checkpoint.start(build_header("second")) == 0
    assert checkpoint.read()[0].id == "second"


def test_a_damaged_file_does_not_keep_a_run_from_starting(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    (tmp_path / "scenarios-sustained").write_text("{")
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint.read()
    assert checkpoint.start(build_header("first")) == 0
    assert checkpoint.read()[0].id == "first"
