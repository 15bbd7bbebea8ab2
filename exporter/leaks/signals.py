"""The signals that a leak shows in, and what each of them counts; a closed set."""

from enum import StrEnum


class Kind(StrEnum):
    """What a signal is measured in."""

    BYTES = "bytes"
    COUNT = "count"
    """Whole things: ties are the rule, and a rise by one or two is no evidence."""


class Signal(StrEnum):
    """Something that a process holds on to, and should let go."""

    WORKING_SET = "working_set"
    RSS = "rss"
    OPEN_FILES = "open_files"
    THREADS = "threads"
    CLOSE_WAIT = "close_wait"
    QUEUE_DEPTH = "queue_depth"
    OPEN_TICKETS = "open_tickets"

    @property
    def kind(self) -> Kind:
        """What the signal is measured in."""
        return Kind.BYTES if self in _BYTES else Kind.COUNT


_BYTES = frozenset({Signal.WORKING_SET, Signal.RSS})
