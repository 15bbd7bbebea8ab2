"""A configuration in files, for tests of reloading."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from exporter.reload import Reloader, Source
from slos.schema.problem import Position, Problem
from tests.exporter.fake_clock import FakeClock

INTERVAL = 10.0
Value = dict[str, str]
"""What each file of a set holds."""


class Files:
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
        source = Source(load=self.load, files=self.files, apply=self.apply)
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

    async def look(self, times: int = 1) -> None:
        """Let the watch look so often, and wait until it sleeps again."""
        for _ in range(times):
            await self.sleeping()
            await self.clock.advance(INTERVAL)
        await self.sleeping()

    async def sleeping(self) -> None:
        async with asyncio.timeout(10):
            while not self.clock._sleepers:  # noqa: ASYNC110 - a thread sets no event here
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def watching(files: Files) -> AsyncIterator[None]:
    task = asyncio.create_task(files.reloader.watch())
    await files.sleeping()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
