"""Components that live as long as the process: journal, canary, runner, reconciler."""

import asyncio
import contextlib
import gc
import resource
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aiohttp import web

from exporter import listener
from exporter.config.loader import LoadedConfig
from exporter.httpclient.client import Sender, create_session
from exporter.journal.journal import Journal
from exporter.model.alert import CanaryIdentity
from exporter.model.verdict import ProberFault
from exporter.prober.canary import Canary
from exporter.prober.history import HISTORY_SIZE
from exporter.prober.inflight import InflightRuns
from exporter.prober.reconciler import Reconciler
from exporter.prober.runner import AlertRunner
from exporter.status import Status
from exporter.tracing import build_tracer


def freeze_gc() -> None:
    """Exclude long-lived objects from garbage collection.

    A collection over them takes tens of milliseconds, in which nothing is sent or timed. Objects
    that were frozen before may be garbage by now, so they are collected first.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def raise_open_file_limit() -> None:
    """Raise the soft limit of open files to the hard limit; the usual 1024 is too low."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))


@dataclass(frozen=True, slots=True)
class Components:
    """Components that send alerts, judge runs and record them.

    `may_send` is checked again right before each event: the process may have been suspended since
    the slot began, and another prober may hold the lease by now.
    """

    status: Status
    sender: Sender
    canary: CanaryIdentity
    journal: Journal
    alert_runner: AlertRunner
    reconciler: Reconciler
    abort: asyncio.Event
    may_send: Callable[[], bool]


@contextlib.asynccontextmanager
async def open_components(
    loaded: LoadedConfig, status: Status, canary: socket.socket, *, may_send: Callable[[], bool]
) -> AsyncIterator[Components]:
    """Open the journal, the canary and the alert runner, for as long as the block runs.

    Raises:
        JournalError: the journal cannot be used.
    """
    raise_open_file_limit()
    journal = Journal(
        loaded.journal_path,
        keep_runs=loaded.config.journal.keep_runs,
        on_failure=status.metrics.count_journal_failure,
        clock=status.clock,
    )
    orphans = await journal.start()
    freeze_gc()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(journal.close)
        inflight_runs = InflightRuns()
        canary_server = await _serve_canary(status, journal, inflight_runs, canary)
        stack.push_async_callback(canary_server.cleanup)
        sender = Sender(await stack.enter_async_context(create_session()), status.clock)
        components = _build_components(
            loaded, status, journal, inflight_runs, sender, canary_server, may_send, stack
        )
        for run in reversed(await journal.list_recent(HISTORY_SIZE)):
            status.history.add(run)
        for state, run in await journal.list_unfinished():
            components.reconciler.restore(state, run)
        components.alert_runner.report_orphans(orphans)
        status.gauges.journals_set_aside.set(len(journal.damaged_files))
        status.heartbeat.beat(status.clock.now())
        yield components


async def _serve_canary(
    status: Status, journal: Journal, inflight_runs: InflightRuns, canary: socket.socket
) -> web.AppRunner:
    function = Canary(
        inflight_runs,
        clock=status.clock,
        find_probe=journal.find_probe,
        count_call=status.metrics.count_canary_request,
    )
    return await listener.serve_app(function.app, canary)


def _build_components(  # noqa: PLR0913, PLR0917 - one argument per component
    loaded: LoadedConfig,
    status: Status,
    journal: Journal,
    inflight_runs: InflightRuns,
    sender: Sender,
    canary_server: web.AppRunner,
    may_send: Callable[[], bool],
    stack: contextlib.AsyncExitStack,
) -> Components:
    abort = asyncio.Event()

    def find_prober_faults() -> set[ProberFault]:
        faults = {ProberFault.SHUTDOWN} if abort.is_set() else set()
        return faults | (set() if canary_server.sites else {ProberFault.CANARY_DOWN})

    reconciler = Reconciler(
        journal=journal,
        metrics=status.metrics,
        gauges=status.gauges,
        clock=status.clock,
        history=status.history,
    )
    span_tracer = build_tracer()
    stack.push_async_callback(span_tracer.close)
    identity = CanaryIdentity(loaded.config.canary.name, loaded.config.canary.namespace)
    alert_runner = AlertRunner(
        canary=identity,
        clock=status.clock,
        inflight_runs=inflight_runs,
        journal=journal,
        metrics=status.metrics,
        heartbeat=status.heartbeat,
        find_prober_faults=find_prober_faults,
        may_send=may_send,
        abort=abort,
        tracer=span_tracer,
        pending_runs=reconciler,
        history=status.history,
    )
    return Components(status, sender, identity, journal, alert_runner, reconciler, abort, may_send)
