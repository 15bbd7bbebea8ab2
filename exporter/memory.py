"""What the garbage collector need not look at."""

import gc


def settle_memory() -> None:
    """Spare it all that lives as long as the process.

    Looking at that takes tens of milliseconds, in which nothing is sent or timed.
    """
    gc.collect()
    gc.freeze()
