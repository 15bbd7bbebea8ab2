"""Reloading when content changes: once, whole, and without missing anything."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.exporter.fake_clock import FakeClock
from tests.exporter.reload_files import Files, watching


@pytest.fixture
async def files(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Files]:
    made = Files(tmp_path, clock)
    yield made
    await made.reloader.close()


async def test_changed_content_is_applied_once_it_holds_still(files: Files) -> None:
    async with watching(files):
        await files.look(3)
        assert files.applied == []
        files.write("main", "half")
        await files.look()
        files.write("main", "whole")
        await files.look()
        assert files.applied == []
        await files.look()
        assert files.applied == [{"main": "whole"}]
        await files.look(3)
        assert len(files.applied) == 1


async def test_a_file_that_is_only_touched_is_no_change(files: Files) -> None:
    async with watching(files):
        files.write("main", "one")
        await files.look(3)
    assert files.applied == []


async def test_files_that_are_named_later_are_watched_from_then_on(files: Files) -> None:
    files.write("spec", "a")
    async with watching(files):
        files.write("main", "one spec")
        await files.look(4)
        assert files.applied == [{"main": "one spec", "spec": "a"}]
        files.write("spec", "b")
        await files.look(3)
        assert files.applied[1:] == [{"main": "one spec", "spec": "b"}]


async def test_a_change_right_after_the_reading_is_not_missed(files: Files) -> None:
    files.write("spec", "a")

    def change_once() -> None:
        files.on_load = lambda: None
        files.write("spec", "b")

    async with watching(files):
        files.write("main", "one spec")
        files.on_load = change_once
        await files.look(4)
    assert files.applied[-1] == {"main": "one spec", "spec": "b"}


async def test_a_change_between_the_start_and_the_first_look_is_not_missed(files: Files) -> None:
    files.write("main", "two")
    async with watching(files):
        assert files.applied == [{"main": "two"}]


async def test_a_bad_change_is_logged_once(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    async with watching(files):
        files.write("main", "bad")
        await files.look(6)
        assert not files.reloader.last_successful
        assert caplog.text.count("this is bad") == 1
        files.write("main", "two")
        await files.look(3)
    assert files.applied == [{"main": "two"}]
    assert files.reloader.last_successful


async def test_a_file_that_comes_after_its_name_is_found(files: Files) -> None:
    async with watching(files):
        files.write("main", "one spec")
        await files.look(4)
        assert not files.reloader.last_successful
        files.write("spec", "a")
        await files.look(2)
    assert files.applied == [{"main": "one spec", "spec": "a"}]


async def test_a_change_that_cannot_be_applied_is_not_tried_again_and_again(files: Files) -> None:
    tries = []

    def breaks() -> None:
        tries.append(1)
        raise RuntimeError

    files.on_apply = breaks
    async with watching(files):
        files.write("main", "two")
        await files.look(6)
    assert len(tries) == 1


async def test_the_swap_of_a_config_map_is_one_change(tmp_path: Path, clock: FakeClock) -> None:
    for version in ("one", "two"):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "main").write_text(version)
    files = Files(tmp_path, clock)
    (tmp_path / "main").unlink()
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "main").symlink_to("..data/main")
    async with watching(files):
        (tmp_path / "..tmp").symlink_to("..two")
        (tmp_path / "..tmp").rename(tmp_path / "..data")
        await files.look(4)
    assert files.applied == [{"main": "two"}]


async def test_a_watch_outlives_what_breaks_under_it(
    files: Files, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(files):
        with monkeypatch.context() as patched:
            patched.setattr("exporter.reload._digests", _no_thread)
            await files.look(2)
        files.write("main", "two")
        await files.look(3)
    assert files.applied == [{"main": "two"}]
    assert logging.ERROR in {record.levelno for record in caplog.records}


def _no_thread(_: object) -> None:
    raise RuntimeError("can't start new thread")
