"""Watched files, and a value that is reloaded when they change.

Content is compared, not times or inodes: Kubernetes swaps symlinks and editors write new files, and
neither means that anything changed.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from exporter.schedule.clock import Clock
from slos.schema.problem import Problem, filter_errors

Value = TypeVar("Value")
Digests = Mapping[Path, bytes | None]
_ROUNDS = 5
"""Attempts to read until the files that a value names are those whose digests are known."""
_log = logging.getLogger(__name__)


def digest_files(paths: Iterable[Path]) -> Digests:
    """Compute the digest of each file; None for one that cannot be read."""
    return {path: _digest_file(path) for path in paths}


def _digest_file(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except (OSError, ValueError):
        return None


class FileWatcher:
    """Watcher of a few small files, asked each time that they are about to be used."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._digests = digest_files(self._paths)

    def check_changed(self) -> bool:
        """Return whether a file has changed since the last call."""
        digests = digest_files(self._paths)
        changed = digests != self._digests
        self._digests = digests
        return changed


@dataclass(frozen=True, slots=True)
class ReloadSource(Generic[Value]):
    """A value that can be reloaded.

    Two values are equal when it makes no difference which is used.
    """

    load: Callable[[], tuple[Value | None, list[Problem]]]
    """Loads the value. Called on a thread, so that a slow disk does not stall the probes."""
    files: Callable[[Value], Iterable[Path]]
    """Lists every file whose content changes the value."""
    apply: Callable[[Value], Awaitable[None]]
    """Applies a value; all of it or, with an exception, nothing."""


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """Outcome of one reload."""

    is_successful: bool
    problems: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        if self.is_successful:
            return "configuration reloaded"
        details = "\n".join(map(str, self.problems)) or "see the log for the error"
        return f"configuration not reloaded, the previous one stays in use\n{details}"


class Reloader(Generic[Value]):
    """Reloads on request and when content changes, one at a time; a bad value changes nothing."""

    def __init__(
        self, source: ReloadSource[Value], current: Value, *, clock: Clock, interval: float
    ) -> None:
        """Start with a value that is in use already.

        Args:
            source: the value to reload, and its files.
            current: the value in use.
            clock: the clock.
            interval: seconds between two checks of the files.
        """
        self._source = source
        self._current = current
        self._clock = clock
        self._interval = interval
        self._known_digests: Digests = {}
        self._unreadable = False
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[ReloadOutcome] | None = None
        self._running: set[asyncio.Task[ReloadOutcome]] = set()
        self._last = ReloadOutcome(is_successful=True)
        self.last_success_at = clock.wall()
        """Time of the last successful reload, in seconds since 1970; the start counts as one."""

    @property
    def current(self) -> Value:
        """The value in use."""
        return self._current

    @property
    def is_last_successful(self) -> bool:
        """True if the last reload succeeded; the start counts as one."""
        return self._last.is_successful

    async def request(self) -> ReloadOutcome:
        """Reload now; return the outcome of a reload that began after the request.

        Requests that come while one reload is under way share the next one.
        """
        return await asyncio.shield(self._schedule_reload())

    def request_soon(self) -> None:
        """Reload without waiting for it, as a signal handler must."""
        self._schedule_reload()

    async def watch_files(self) -> None:
        """Reload whenever content has changed and was stable for one interval; never ends.

        So a file that is being written is not read half. A value that could not be read is tried
        again at each check: it may name a file that does not exist yet.
        """
        async with self._lock:
            await self._reload(skip_if_equal=True)
        previous: Digests = {}
        while True:
            await self._clock.sleep(self._interval)
            try:
                digests = await self._read_digests(self._current)
            except Exception:  # noqa: BLE001 - a transient error, such as no free thread
                _log.exception("checking the files failed")
                continue
            changed = any(
                self._known_digests.get(path, b"") != digest for path, digest in digests.items()
            )
            if (changed and digests == previous) or self._unreadable:
                await self.request()
            previous = digests

    async def close(self) -> None:
        """Cancel the reloads under way and the requests that wait for them."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _schedule_reload(self) -> asyncio.Task[ReloadOutcome]:
        if self._next is None:
            self._next = asyncio.create_task(self._reload_next(), name="reload")
            self._running.add(self._next)
            self._next.add_done_callback(self._running.discard)
        return self._next

    async def _reload_next(self) -> ReloadOutcome:
        async with self._lock:
            self._next = None  # a later request needs a reload of its own
            return await self._reload()

    async def _reload(self, *, skip_if_equal: bool = False) -> ReloadOutcome:
        """Reload once; an exception is logged and becomes the outcome.

        Args:
            skip_if_equal: skip a value that equals the one in use.
        """
        try:
            value, problems = await self._read()
            self._unreadable = value is None or bool(filter_errors(problems))
            if value is None or self._unreadable:
                return self._record_outcome(
                    ReloadOutcome(is_successful=False, problems=tuple(problems))
                )
            if skip_if_equal and value == self._current:
                return self._last
            await self._source.apply(value)
        except Exception:  # noqa: BLE001 - the value in use stays; logged in full
            _log.exception("the reload failed")
            return self._record_outcome(ReloadOutcome(is_successful=False))
        self._current = value
        self.last_success_at = self._clock.wall()
        return self._record_outcome(ReloadOutcome(is_successful=True, problems=tuple(problems)))

    def _record_outcome(self, outcome: ReloadOutcome) -> ReloadOutcome:
        if outcome.is_successful or outcome != self._last:  # the same failure is logged once
            _log.log(logging.INFO if outcome.is_successful else logging.ERROR, "%s", outcome)
        self._last = outcome
        return outcome

    async def _read(self) -> tuple[Value | None, list[Problem]]:
        """Load the value, with the digests of its files from before, so that no change is missed.

        A value that names new files is loaded once more, because their content at the first load is
        not known.
        """
        known = dict(await self._read_digests(self._current))
        for _ in range(_ROUNDS):
            self._known_digests = known
            value, problems = await asyncio.to_thread(self._source.load)
            named = await self._read_digests(value) if value is not None else {}
            if named.keys() <= known.keys():
                break
            known = {**named, **known}
        return value, problems

    async def _read_digests(self, value: Value) -> Digests:
        return await asyncio.to_thread(digest_files, list(self._source.files(value)))
