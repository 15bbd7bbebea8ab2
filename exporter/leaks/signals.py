"""Signals of the leak detector, and their units; a closed set."""

from enum import StrEnum


class Kind(StrEnum):
    """Units of a signal."""

    BYTES = "bytes"
    COUNT = "count"
    """Whole items: ties are common, and a rise by one or two is no evidence."""


class Signal(StrEnum):
    """Resources that a process holds and should release."""

    WORKING_SET = "working_set"
    RSS = "rss"
    OPEN_FILES = "open_files"
    THREADS = "threads"
    CLOSE_WAIT = "close_wait"
    QUEUE_DEPTH = "queue_depth"
    OPEN_TICKETS = "open_tickets"

    @property
    def kind(self) -> Kind:
        """Unit of the signal."""
        return Kind.BYTES if self in _BYTES else Kind.COUNT


_BYTES = frozenset({Signal.WORKING_SET, Signal.RSS})
