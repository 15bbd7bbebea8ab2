"""The garbage collector is spared what lives long, and nothing that is garbage."""

import gc
import weakref

from exporter.memory import settle_memory


class Turn:
    """Something that refers to itself, as what a turn of duty consists of does."""

    def __init__(self) -> None:
        self.me = self


def test_what_was_spared_once_is_collected_when_another_turn_begins() -> None:
    turn = Turn()
    gone = weakref.ref(turn)
    settle_memory()
    try:
        del turn
        gc.collect()
        assert gone() is not None
        settle_memory()
        assert gone() is None
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
