"""Configuration reload: triggers, and errors that keep the old configuration."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from exporter.reload import FileWatcher, Reloader, ReloadSource
from slos.schema.problem import Position, Problem
from tests.exporter.fake_clock import FakeClock

INTERVAL = 10.0
Value = dict[str, str]
"""Content of each file of a set."""


class ConfigFiles:
    """A configuration that names other files: its value is what all of them hold."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.folder = folder
        self.clock = clock
        self.applied: list[Value] = []
        self.loads = 0
        self.on_load: Callable[[], object] = lambda: None
        self.on_apply: Callable[[], object] = lambda: None
        self.write("main", "one")
        value, _ = self.load()
        assert value is not None
        self.loads = 0
        source = ReloadSource(load=self.load, files=self.files, apply=self.apply)
        self.reloader = Reloader(source, value, clock=clock, interval=INTERVAL)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def load(self) -> tuple[Value | None, list[Problem]]:
        """The main file holds text, then the names of other files; `bad` is a fault."""
        self.loads += 1
        value = {}
        try:
            main = (self.folder / "main").read_text()
            value = {name: (self.folder / name).read_text() for name in ["main", *main.split()[1:]]}
        except OSError as error:
            return None, [Problem(Position("main"), error.strerror or "")]
        self.on_load()
        if "bad" in main:
            return None, [Problem(Position("main"), "this is bad")]
        return value, []

    def files(self, value: Value) -> list[Path]:
        return [self.folder / name for name in value]

    async def apply(self, value: Value) -> None:
        self.on_apply()
        self.applied.append(value)

    async def poll(self, times: int = 1) -> None:
        """Let the watch look so often, and wait until it sleeps again."""
        for _ in range(times):
            await self.wait_for_sleep()
            await self.clock.advance(INTERVAL)
        await self.wait_for_sleep()

    async def wait_for_sleep(self) -> None:
        async with asyncio.timeout(10):
            while not self.clock._sleepers:  # noqa: ASYNC110 - a thread sets no event here
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def run_watcher(files: ConfigFiles) -> AsyncIterator[None]:
    task = asyncio.create_task(files.reloader.watch_files())
    await files.wait_for_sleep()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture
async def files(tmp_path: Path, clock: FakeClock) -> AsyncIterator[ConfigFiles]:
    made = ConfigFiles(tmp_path, clock)
    yield made
    await made.reloader.close()


async def test_a_request_applies_what_is_there_now(files: ConfigFiles, clock: FakeClock) -> None:
    started = clock.wall()
    assert (await files.reloader.request()).is_successful
    assert files.applied == [{"main": "one"}], "even what did not change"
    await clock.advance(100)
    files.write("main", "two")
    files.reloader.request_soon()
    outcome = await files.reloader.request()
    assert (outcome.is_successful, str(outcome)) == (True, "configuration reloaded")
    assert files.applied[1:] == [{"main": "two"}]
    assert files.reloader.current == {"main": "two"}
    assert files.reloader.last_success_at == started + 100


async def test_a_bad_configuration_is_refused(files: ConfigFiles, clock: FakeClock) -> None:
    started = files.reloader.last_success_at
    assert files.reloader.is_last_successful
    await clock.advance(100)
    files.write("main", "bad")
    outcome = await files.reloader.request()
    assert not outcome.is_successful
    assert str(outcome).endswith("the previous one stays in use\nmain: error: this is bad")
    assert files.reloader.current == {"main": "one"}
    assert (files.applied, files.reloader.is_last_successful) == ([], False)
    assert files.reloader.last_success_at == started
    files.write("main", "three")
    assert (await files.reloader.request()).is_successful
    assert files.reloader.is_last_successful


@pytest.mark.parametrize("when", ["on_load", "on_apply"])
async def test_a_reload_breaks(
    files: ConfigFiles, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    def raise_error() -> None:
        raise RuntimeError("broken part")

    setattr(files, when, raise_error)
    outcome = await files.reloader.request()
    assert not outcome.is_successful
    assert "see the log for the error" in str(outcome)
    assert "broken part" in caplog.text
    assert not files.reloader.is_last_successful
    setattr(files, when, lambda: None)
    assert (await files.reloader.request()).is_successful


async def test_requests_during_a_reload_share_the_next_one(files: ConfigFiles) -> None:
    started, go = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        go.wait(10)

    files.on_load = wait
    files.write("main", "bad")
    first = asyncio.create_task(files.reloader.request())
    await asyncio.to_thread(started.wait, 10)
    files.write("main", "good")  # too late for the first
    later = [asyncio.create_task(files.reloader.request()) for _ in range(5)]
    await asyncio.sleep(0)
    go.set()
    assert not (await first).is_successful
    assert all([(await each).is_successful for each in later])
    assert files.loads == 2


async def test_a_cancelled_request_does_not_cancel_the_reload(files: ConfigFiles) -> None:
    files.write("main", "two")
    impatient = asyncio.create_task(files.reloader.request())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait({impatient})
    await files.reloader.request()
    assert {"main": "two"} in files.applied


async def test_closing_ends_what_is_under_way(files: ConfigFiles) -> None:
    go = threading.Event()
    files.on_load = lambda: go.wait(10)
    waiting = asyncio.create_task(files.reloader.request())
    await asyncio.sleep(0)
    await files.reloader.close()
    go.set()
    await asyncio.wait({waiting})
    assert waiting.cancelled()


async def test_changed_content_is_applied_once_it_holds_still(files: ConfigFiles) -> None:
    async with run_watcher(files):
        await files.poll(3)
        assert files.applied == []
        files.write("main", "half")
        await files.poll()
        files.write("main", "whole")
        await files.poll()
        assert files.applied == []
        await files.poll()
        assert files.applied == [{"main": "whole"}]
        await files.poll(3)
        assert len(files.applied) == 1


async def test_a_file_that_is_only_touched_is_no_change(files: ConfigFiles) -> None:
    async with run_watcher(files):
        files.write("main", "one")
        await files.poll(3)
    assert files.applied == []


async def test_files_that_are_named_later_are_watched_from_then_on(files: ConfigFiles) -> None:
    files.write("spec", "a")
    async with run_watcher(files):
        files.write("main", "one spec")
        await files.poll(4)
        assert files.applied == [{"main": "one spec", "spec": "a"}]
        files.write("spec", "b")
        await files.poll(3)
        assert files.applied[1:] == [{"main": "one spec", "spec": "b"}]


async def test_a_change_right_after_the_reading_is_not_missed(files: ConfigFiles) -> None:
    files.write("spec", "a")

    def change_once() -> None:
        files.on_load = lambda: None
        files.write("spec", "b")

    async with run_watcher(files):
        files.write("main", "one spec")
        files.on_load = change_once
        await files.poll(4)
    assert files.applied[-1] == {"main": "one spec", "spec": "b"}


async def test_a_change_between_the_start_and_the_first_look_is_not_missed(
    files: ConfigFiles,
) -> None:
    files.write("main", "two")
    async with run_watcher(files):
        assert files.applied == [{"main": "two"}]


async def test_a_bad_change_is_logged_once(
    files: ConfigFiles, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_watcher(files):
        files.write("main", "bad")
        await files.poll(6)
        assert not files.reloader.is_last_successful
        assert caplog.text.count("this is bad") == 1
        files.write("main", "two")
        await files.poll(3)
    assert files.applied == [{"main": "two"}]
    assert files.reloader.is_last_successful


async def test_a_file_that_comes_after_its_name_is_found(files: ConfigFiles) -> None:
    async with run_watcher(files):
        files.write("main", "one spec")
        await files.poll(4)
        assert not files.reloader.is_last_successful
        files.write("spec", "a")
        await files.poll(2)
    assert files.applied == [{"main": "one spec", "spec": "a"}]


async def test_a_change_that_cannot_be_applied_is_not_tried_again_and_again(
    files: ConfigFiles,
) -> None:
    tries = []

    def raise_error() -> None:
        tries.append(1)
        raise RuntimeError

    files.on_apply = raise_error
    async with run_watcher(files):
        files.write("main", "two")
        await files.poll(6)
    assert len(tries) == 1


async def test_the_swap_of_a_config_map_is_one_change(tmp_path: Path, clock: FakeClock) -> None:
    for version in ("one", "two"):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "main").write_text(version)
    files = ConfigFiles(tmp_path, clock)
    (tmp_path / "main").unlink()
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "main").symlink_to("..data/main")
    async with run_watcher(files):
        (tmp_path / "..tmp").symlink_to("..two")
        (tmp_path / "..tmp").rename(tmp_path / "..data")
        await files.poll(4)
    assert files.applied == [{"main": "two"}]


async def test_a_watch_outlives_what_breaks_under_it(
    files: ConfigFiles, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_watcher(files):
        with monkeypatch.context() as patched:
            patched.setattr("exporter.reload.digest_files", _raise_no_thread)
            await files.poll(2)
        files.write("main", "two")
        await files.poll(3)
    assert files.applied == [{"main": "two"}]
    assert logging.ERROR in {record.levelno for record in caplog.records}


def _raise_no_thread(_: object) -> None:
    raise RuntimeError("can't start new thread")


def test_a_watcher_reports_each_change_of_content_once(tmp_path: Path) -> None:
    file, other = tmp_path / "tls.crt", tmp_path / "tls.key"
    file.write_text("one")
    watcher = FileWatcher([file, other])
    os.utime(file, (1, 1))
    assert not watcher.check_changed()
    changes: list[Callable[[], object]] = [
        lambda: file.write_text("two"),
        lambda: other.write_text("there"),
        other.unlink,
    ]
    for change in changes:
        change()
        assert watcher.check_changed()
        assert not watcher.check_changed()
