"""What signals ask of the prober. One handler for each, as long as the process lives."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator


def _nothing() -> None:
    """Nobody is there to do it."""


class Orders:
    """Stop, hurry, reload: whoever can heed the last two says how, and only while it can."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        """Set by the first SIGTERM or SIGINT."""
        self.hurry: Callable[[], None] = _nothing
        """Called by every further one."""
        self.reload: Callable[[], None] = _nothing
        """Called by SIGHUP. Whoever stands by reads all when it takes over."""

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """Take orders for as long as the block runs."""
        with (
            on_signals(self._end, signal.SIGTERM, signal.SIGINT),
            on_signals(self._reload, signal.SIGHUP),
        ):
            yield

    @contextlib.contextmanager
    def carried_out(
        self, *, hurry: Callable[[], None], reload: Callable[[], None]
    ) -> Iterator[None]:
        """Let somebody heed them for as long as the block runs."""
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
    """Call something on a signal, for as long as the block runs."""
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
