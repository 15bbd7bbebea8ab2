"""Reloading on request; whatever happens, a good value stays in use."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.exporter.fake_clock import FakeClock
from tests.exporter.reload_files import Files


@pytest.fixture
async def files(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Files]:
    made = Files(tmp_path, clock)
    yield made
    await made.reloader.close()


async def test_a_request_applies_what_is_there_now(files: Files, clock: FakeClock) -> None:
    started = clock.wall()
    await clock.advance(100)
    files.write("main", "two")
    outcome = await files.reloader.request()
    assert (outcome.successful, str(outcome)) == (True, "the configuration was reloaded")
    assert files.applied == [{"main": "two"}]
    assert files.reloader.current == {"main": "two"}
    assert files.reloader.last_success_at == started + 100


async def test_a_request_applies_even_what_did_not_change(files: Files) -> None:
    assert (await files.reloader.request()).successful
    assert files.applied == [{"main": "one"}]


async def test_a_bad_configuration_is_refused(files: Files, clock: FakeClock) -> None:
    started = files.reloader.last_success_at
    assert files.reloader.last_successful
    await clock.advance(100)
    files.write("main", "bad")
    outcome = await files.reloader.request()
    assert not outcome.successful
    assert str(outcome).endswith("the one before stays\nmain: error: this is bad")
    assert files.reloader.current == {"main": "one"}
    assert (files.applied, files.reloader.last_successful) == ([], False)
    assert files.reloader.last_success_at == started
    files.write("main", "three")
    assert (await files.reloader.request()).successful
    assert files.reloader.last_successful


@pytest.mark.parametrize("when", ["on_load", "on_apply"])
async def test_a_reload_breaks(files: Files, when: str, caplog: pytest.LogCaptureFixture) -> None:
    def breaks() -> None:
        raise RuntimeError("broken part")

    setattr(files, when, breaks)
    outcome = await files.reloader.request()
    assert not outcome.successful
    assert "the log says why" in str(outcome)
    assert "broken part" in caplog.text
    assert not files.reloader.last_successful
    setattr(files, when, lambda: None)
    assert (await files.reloader.request()).successful


async def test_requests_during_a_reload_share_the_next_one(files: Files) -> None:
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
    assert not (await first).successful
    assert all([(await each).successful for each in later])
    assert files.loads == 2


async def test_who_gives_up_waiting_does_not_end_the_reload(files: Files) -> None:
    files.write("main", "two")
    impatient = asyncio.create_task(files.reloader.request())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait({impatient})
    await files.reloader.request()
    assert {"main": "two"} in files.applied


async def test_a_signal_need_not_wait(files: Files) -> None:
    files.write("main", "two")
    files.reloader.request_soon()
    await files.reloader.request()
    assert files.applied == [{"main": "two"}]


async def test_closing_ends_what_is_under_way(files: Files) -> None:
    go = threading.Event()
    files.on_load = lambda: go.wait(10)
    waiting = asyncio.create_task(files.reloader.request())
    await asyncio.sleep(0)
    await files.reloader.close()
    go.set()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
