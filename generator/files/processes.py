"""Calls of a function in several processes."""

import os
import pickle
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, BinaryIO, TypeVar

from generator.files.transaction import CannotWriteError

Item = TypeVar("Item")
Result = TypeVar("Result")


def count_processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], jobs: int
) -> Iterator[Result]:
    """Call a function for each item; the results are in the order of the items.

    The processes are forks, so neither the function nor the items are copied. They end with their
    parent, which closes the pipe that they write to.

    Raises:
        RuntimeError: a call failed in its process.
        CannotWriteError: a process was killed.
    """
    if jobs <= 1:
        yield from map(function, items)
        return
    with ExitStack() as stack:
        pipes: list[BinaryIO] = []
        for number in range(jobs):
            pipe, process = _start_process(function, items[number::jobs], pipes)
            pipes.append(pipe)
            # The pipe is closed first. A process that still writes to it ends then.
            stack.callback(os.waitpid, process, 0)
            stack.callback(pipe.close)
        for index in range(len(items)):
            yield _read_result(pipes[index % jobs])


def _start_process(
    function: Callable[[Item], object], items: Sequence[Item], others: Sequence[BinaryIO]
) -> tuple[BinaryIO, int]:
    read_end, write_end = os.pipe()
    process = os.fork()
    if process:
        os.close(write_end)
        return os.fdopen(read_end, "rb"), process
    try:
        os.close(read_end)
        for pipe in others:  # of the parent; as long as one is open here, its writer cannot end
            os.close(pipe.fileno())
        with os.fdopen(write_end, "wb") as pipe:
            _write_results(function, items, pipe)
    finally:
        os._exit(0)


def _write_results(
    function: Callable[[Item], object], items: Sequence[Item], pipe: BinaryIO
) -> None:
    for item in items:
        try:
            result = True, function(item)
        except Exception:  # noqa: BLE001 - the parent raises it
            result = False, traceback.format_exc()
        pickle.dump(result, pipe, protocol=pickle.HIGHEST_PROTOCOL)
        pipe.flush()


def _read_result(pipe: BinaryIO) -> Any:  # noqa: ANN401 - whatever the function returns
    try:
        is_fine, result = pickle.load(pipe)  # noqa: S301 - of a fork of this process
    except EOFError as error:
        message = "a process of the build was killed; build again, with --jobs 1 if memory is short"
        raise CannotWriteError(message) from error
    if not is_fine:
        raise RuntimeError(result)
    return result
