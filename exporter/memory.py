"""Garbage collector settings."""

import gc


def settle_memory() -> None:
    """Exclude long-lived objects from garbage collection.

    A collection over them takes tens of milliseconds, in which nothing is sent or timed. Objects
    that were frozen before may be garbage by now, so they are collected first.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
