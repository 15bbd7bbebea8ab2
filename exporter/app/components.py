"""Components of a leader that every configuration uses: journal, canary, runner, reconciler.

They stay open over reloads. Paths, observers and probes depend on the configuration and are made
in `plugin_set.py`.
"""

import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from exporter.config.loader import LoadedConfig
from exporter.httpclient.client import Sender, create_session
from exporter.journal.journal import Journal
from exporter.listener.connections import ConnectionLimits
from exporter.listener.server import HttpServer, serve_app
from exporter.model.alert import CanaryIdentity
from exporter.prober.canary import Canary
from exporter.prober.engine_calls import EngineCalls
from exporter.prober.health import ProberHealth
from exporter.prober.inflight import InflightRuns
from exporter.prober.reconciler import Reconciler
from exporter.prober.recorder import RunRecorder
from exporter.prober.runner import AlertRunner
from exporter.status import Status
from exporter.tracing import build_tracer

_CANARY_SHARE, _CANARY_TOTAL = Fraction(1, 2), 8192
_CANARY_PEER_SHARE = Fraction(3, 4)
"""Most connections of the canary come from one peer: agent-sre, or a proxy in front of it."""


def freeze_gc() -> None:
    """Exclude long-lived objects from garbage collection.

    A collection over them takes tens of milliseconds, in which nothing is sent or timed. Objects
    that were frozen before may be garbage by now, so they are collected first.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@dataclass(frozen=True, slots=True)
class ComponentSettings:
    """Settings of the components.

    Attributes:
        journal_path: file of the journal.
        keep_runs: runs that the journal keeps.
        canary: identity of the canary in the alerts.
    """

    journal_path: Path
    keep_runs: int
    canary: CanaryIdentity

    @classmethod
    def from_config(cls, loaded: LoadedConfig) -> "ComponentSettings":
        """Return the settings of a configuration."""
        canary = loaded.config.canary
        return cls(
            loaded.journal_path,
            loaded.config.journal.keep_runs,
            CanaryIdentity(canary.name, canary.namespace),
        )


@dataclass(frozen=True, slots=True)
class Components:
    """Components of a leader, from the opened journal to the runner of alerts.

    Attributes:
        status: status that is exported.
        canary: identity of the canary in the alerts.
        canary_server: server of the canary.
        inflight_runs: runs to which the canary matches its calls.
        sender: sender of requests, without the TLS of the target.
        journal: journal of all runs.
        reconciler: reconciler of the runs that have a verdict.
        recorder: record of the runs.
        health: health of this prober; it holds the lease and the abort.
        alert_runner: runner of alerts.
        engine_calls: calls of the canary for events of a load engine.
    """

    status: Status
    canary: CanaryIdentity
    canary_server: HttpServer
    inflight_runs: InflightRuns
    sender: Sender
    journal: Journal
    reconciler: Reconciler
    recorder: RunRecorder
    health: ProberHealth
    alert_runner: AlertRunner
    engine_calls: EngineCalls


@contextlib.asynccontextmanager
async def open_components(
    settings: ComponentSettings,
    status: Status,
    canary_socket: socket.socket,
    *,
    may_send: Callable[[], bool],
) -> AsyncIterator[Components]:
    """Open all components, for as long as the block runs.

    Args:
        settings: settings of the components.
        status: status in which they record what they do; its clock is theirs.
        canary_socket: bound socket of the canary.
        may_send: returns whether this prober holds the lease.

    Raises:
        JournalError: the journal cannot be used.
    """
    clock, metrics, history = status.clock, status.metrics, status.history
    async with contextlib.AsyncExitStack() as stack:
        journal = Journal(
            settings.journal_path,
            keep_runs=settings.keep_runs,
            on_failure=metrics.count_journal_failure,
            clock=clock,
        )
        left_open = await journal.start()
        stack.push_async_callback(journal.close)
        inflight_runs = InflightRuns(now=clock.now())
        health = ProberHealth(
            clock,
            status.heartbeat,
            may_send=may_send,
            is_canary_open=lambda: canary_server.is_accepting,
        )
        engine_calls = EngineCalls(settings.canary, clock)
        function = Canary(
            inflight_runs,
            clock=clock,
            find_probe=journal.find_probe,
            count_call=metrics.count_canary_request,
            engine_calls=engine_calls,
        )

        def note_shortage(peer: str | None) -> None:
            if peer is None or function.has_caller(peer):
                health.note_shortage()

        canary_server = await serve_app(
            function.app,
            canary_socket,
            limits=ConnectionLimits.from_open_files(
                _CANARY_SHARE, at_most=_CANARY_TOTAL, peer_share=_CANARY_PEER_SHARE
            ),
            on_shortage=note_shortage,
        )
        stack.push_async_callback(canary_server.cleanup)
        sender = Sender(await stack.enter_async_context(create_session()), clock)
        tracer = build_tracer()
        stack.push_async_callback(tracer.close)
        reconciler = Reconciler(
            journal=journal, metrics=metrics, gauges=status.gauges, clock=clock, history=history
        )
        stack.push_async_callback(reconciler.close)
        recorder = RunRecorder(journal, metrics, history, reconciler)
        await recorder.restore(left_open)
        alert_runner = AlertRunner(
            settings.canary,
            clock=clock,
            inflight_runs=inflight_runs,
            recorder=recorder,
            health=health,
            tracer=tracer,
        )
        status.gauges.journals_set_aside.set(len(journal.damaged_files))
        status.heartbeat.beat(clock.now())
        yield Components(
            status,
            settings.canary,
            canary_server,
            inflight_runs,
            sender,
            journal,
            reconciler,
            recorder,
            health,
            alert_runner,
            engine_calls,
        )
