"""Signal handling: SIGTERM, SIGINT and SIGHUP, one handler each for the life of the process."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator


def _nothing() -> None:
    """Ignore a signal that nothing is bound to."""


class Orders:
    """Stop, second stop and reload. The last two do nothing unless a handler is bound."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        """Set by the first SIGTERM or SIGINT."""
        self.hurry: Callable[[], None] = _nothing
        """Called by every further SIGTERM or SIGINT."""
        self.reload: Callable[[], None] = _nothing
        """Called by SIGHUP. A prober on standby reads the whole configuration when it takes
        over."""

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """Handle signals for as long as the block runs."""
        with (
            on_signals(self._end, signal.SIGTERM, signal.SIGINT),
            on_signals(self._reload, signal.SIGHUP),
        ):
            yield

    @contextlib.contextmanager
    def carried_out(
        self, *, hurry: Callable[[], None], reload: Callable[[], None]
    ) -> Iterator[None]:
        """Bind the second stop and the reload for as long as the block runs."""
        self.hurry, self.reload = hurry, reload
        try:
            yield
        finally:
            self.hurry = self.reload = _nothing

    def _end(self) -> None:
        if self.stop.is_set():
            self.hurry()
        self.stop.set()

    def _reload(self) -> None:
        self.reload()


@contextlib.contextmanager
def on_signals(handle: Callable[[], None], *numbers: signal.Signals) -> Iterator[None]:
    """Call a function on some signals for as long as the block runs."""
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
