"""What the garbage collector need not look at."""

import gc


def settle_memory() -> None:
    """Spare it all that lives as long as the process, or as long as this turn of duty.

    Looking at that takes tens of milliseconds, in which nothing is sent or timed. What was spared
    before may be garbage by now.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
