"""Signals: SIGTERM, SIGINT and SIGHUP, one handler each for the life of the process."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator


def _do_nothing() -> None:
    """Ignore a signal that nothing is bound to."""


class Signals:
    """Stop, second stop and reload. The last two do nothing unless a handler is bound."""

    def __init__(self) -> None:
        self.stop_requested = asyncio.Event()
        """Set by the first SIGTERM or SIGINT."""
        self._on_second_stop: Callable[[], None] = _do_nothing
        self._on_reload: Callable[[], None] = _do_nothing

    @contextlib.contextmanager
    def install_handlers(self) -> Iterator[None]:
        """Handle signals for as long as the block runs."""
        with (
            handle_signals(self._handle_stop, signal.SIGTERM, signal.SIGINT),
            handle_signals(self._handle_reload, signal.SIGHUP),
        ):
            yield

    @contextlib.contextmanager
    def bind(
        self, *, on_second_stop: Callable[[], None], on_reload: Callable[[], None]
    ) -> Iterator[None]:
        """Bind the second stop and the reload for as long as the block runs.

        A prober on standby binds neither. It reads the whole configuration when it takes over.

        Args:
            on_second_stop: called by every further SIGTERM or SIGINT.
            on_reload: called by SIGHUP.
        """
        self._on_second_stop, self._on_reload = on_second_stop, on_reload
        try:
            yield
        finally:
            self._on_second_stop = self._on_reload = _do_nothing

    def _handle_stop(self) -> None:
        if self.stop_requested.is_set():
            self._on_second_stop()
        self.stop_requested.set()

    def _handle_reload(self) -> None:
        self._on_reload()


@contextlib.contextmanager
def handle_signals(handler: Callable[[], None], *numbers: signal.Signals) -> Iterator[None]:
    """Call a function on some signals for as long as the block runs."""
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
