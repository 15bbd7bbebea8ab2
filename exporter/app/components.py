"""What lives as long as the process: journal, canary, runner, reconciler; rlimits and gc."""

import asyncio
import contextlib
import gc
import resource
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from exporter import listener
from exporter.config.loader import Loaded
from exporter.httpclient.client import Sender, session
from exporter.journal.journal import Journal
from exporter.model.alert import CanaryIdentity
from exporter.model.verdict import ProberFault
from exporter.prober.canary import Canary
from exporter.prober.history import KEPT
from exporter.prober.inflight import Ledger
from exporter.prober.reconciler import Aftercare
from exporter.prober.runner import Courier
from exporter.status import Face
from exporter.tracing import tracer


def settle_memory() -> None:
    """Exclude long-lived objects from garbage collection.

    A collection over them takes tens of milliseconds, in which nothing is sent or timed. Objects
    that were frozen before may be garbage by now, so they are collected first.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def settle_open_files() -> None:
    """Raise the soft limit of open files to the hard limit; the usual 1024 is too low."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@dataclass(frozen=True, slots=True)
class Core:
    """Components that send alerts, judge runs and record them.

    `may_send` is checked again right before each event: the process may have been suspended since
    the slot began, and another prober may hold the lease by now.
    """

    face: Face
    sender: Sender
    canary: CanaryIdentity
    journal: Journal
    courier: Courier
    aftercare: Aftercare
    abort: asyncio.Event
    may_send: Callable[[], bool]


@contextlib.asynccontextmanager
async def core(
    loaded: Loaded, shown: Face, canary: socket.socket, *, may_send: Callable[[], bool]
) -> AsyncIterator[Core]:
    """Open the journal, the canary and the alert runner, for as long as the block runs.

    Raises:
        JournalError: the journal cannot be used.
    """
    settle_open_files()
    journal = Journal(
        loaded.journal_path,
        keep_runs=loaded.config.journal.keep_runs,
        failed=shown.metrics.journal_failure,
        clock=shown.clock,
    )
    orphans = await journal.start()
    settle_memory()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(journal.close)
        ledger = Ledger()
        serving = await _serve_canary(shown, journal, ledger, canary)
        stack.push_async_callback(serving.cleanup)
        sender = Sender(await stack.enter_async_context(session()), shown.clock)
        made = _core(loaded, shown, journal, ledger, sender, serving, may_send, stack)
        for run in reversed(await journal.recent(KEPT)):
            shown.recent.add(run)
        for state, run in await journal.unfinished():
            made.aftercare.adopt(state, run)
        made.courier.account(orphans)
        shown.gauges.journals_set_aside.set(len(journal.set_aside))
        shown.pulse.beat(shown.clock.now())
        yield made


async def _serve_canary(
    shown: Face, journal: Journal, ledger: Ledger, canary: socket.socket
) -> web.AppRunner:
    function = Canary(
        ledger,
        clock=shown.clock,
        probe_of=journal.probe_of,
        count=shown.metrics.canary_request,
    )
    return await listener.serve(function.app, canary)


def _core(  # noqa: PLR0913, PLR0917 - one argument per component
    loaded: Loaded,
    shown: Face,
    journal: Journal,
    ledger: Ledger,
    sender: Sender,
    serving: web.AppRunner,
    may_send: Callable[[], bool],
    stack: contextlib.AsyncExitStack,
) -> Core:
    abort = asyncio.Event()

    def prober_faults() -> set[ProberFault]:
        faults = {ProberFault.SHUTDOWN} if abort.is_set() else set()
        return faults | (set() if serving.sites else {ProberFault.CANARY_DOWN})

    aftercare = Aftercare(
        journal=journal,
        metrics=shown.metrics,
        gauges=shown.gauges,
        clock=shown.clock,
        recent=shown.recent,
    )
    spans = tracer()
    stack.push_async_callback(spans.close)
    identity = CanaryIdentity(loaded.config.canary.name, loaded.config.canary.namespace)
    courier = Courier(
        canary=identity,
        clock=shown.clock,
        ledger=ledger,
        journal=journal,
        metrics=shown.metrics,
        pulse=shown.pulse,
        prober_faults=prober_faults,
        may_send=may_send,
        abort=abort,
        tracer=spans,
        after=aftercare,
        recent=shown.recent,
    )
    return Core(shown, sender, identity, journal, courier, aftercare, abort, may_send)
