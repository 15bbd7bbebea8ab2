"""Components of one configuration generation: paths, observers, probes and their timetables."""

import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from exporter.config import Loaded
from exporter.core import Core
from exporter.httpclient.auth import headers
from exporter.httpclient.client import HttpSource
from exporter.httpclient.tls import Renewing
from exporter.lines import criteria, lines
from exporter.observers import LateObserver, late_modules
from exporter.paths import Reach, Way, way_modules
from exporter.plugins import PluginError, told
from exporter.prober.context import Means
from exporter.probes import Probe, Runner, probe_modules
from exporter.prometheus import Prometheus
from slos.schema.contract import Route, Source

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Engine:
    """Components built from one configuration."""

    loaded: Loaded
    runner: Runner
    observers: Mapping[Source, LateObserver]
    ways: Mapping[Route, Way]
    means: Means

    def take_over(self, core: Core) -> None:
        """Make metrics and the reconciler use this generation from now on."""
        core.face.metrics.adopt(
            lines=lines(self.loaded),
            targets=self.loaded.targets,
            criteria=criteria(self.loaded),
        )
        able: list[LateObserver | Way] = [*self.observers.values(), *self.ways.values()]
        cleaners = {each.cleans: each for each in able if each.cleans is not None}
        core.face.gauges.keep_only(self.loaded.probes)
        core.face.gauges.start_at_zero(kinds=cleaners, sources=self.observers)
        core.aftercare.use(self.observers, cleaners)


@contextlib.asynccontextmanager
async def engine(loaded: Loaded, core: Core) -> AsyncIterator[Engine]:
    """Build and connect everything that a configuration asks for, for as long as the block runs.

    Raises:
        LinearKeyError: the key of Linear is gone since the configuration was read.
        PluginError: a probe cannot be built.
    """
    async with contextlib.AsyncExitStack() as stack:
        reach = _reach(loaded, core)
        ways = {
            route: way_modules()[route].Way(settings, reach)
            for route, settings in loaded.paths.items()
        }
        observers = {
            source: await stack.enter_async_context(
                late_modules()[source].observer(
                    settings,
                    folder=loaded.folder,
                    clock=core.face.clock,
                    gauges=core.face.gauges,
                )
            )
            for source, settings in loaded.observers.items()
        }
        means = Means(
            core.courier,
            reach,
            ways,
            loaded.targets,
            core.face.gauges,
            await _prometheus(loaded, core, stack),
            core.abort,
            open_runs=core.aftercare.__len__,
            state=core.face.state,
            may_send=core.may_send,
        )
        runner = Runner(_probes(loaded, means), core.face.metrics)
        yield Engine(loaded, runner, observers, ways, means)


def _probes(loaded: Loaded, means: Means) -> list[Probe]:
    """Build all probes, each under a key of its own."""
    found: dict[str, Probe] = {}
    for name, settings in loaded.probes.items():
        try:
            made = list(probe_modules()[name].probes(settings, means))
        except Exception as error:
            _log.exception("probes.%s broke", name)
            raise PluginError(f"probes.{name} broke: {told(error)}") from error
        for probe in made:
            if probe.key in found:
                raise PluginError(f"probes.{name}: there is another probe with key {probe.key}")
            found[probe.key] = probe
    return list(found.values())


def _reach(loaded: Loaded, core: Core) -> Reach:
    target, folder = loaded.config.target, loaded.folder
    trusting = replace(
        core.sender,
        tls=Renewing(target.tls, folder).current,
        server_name=target.tls.server_name,
    )
    return Reach(
        target.url,
        core.canary,
        core.sender,
        trusting,
        core.face.clock,
        headers=lambda: headers(target, folder),
    )


async def _prometheus(
    loaded: Loaded, core: Core, stack: contextlib.AsyncExitStack
) -> Prometheus | None:
    settings = loaded.config.prometheus
    if settings is None:
        return None
    source = HttpSource("prometheus", settings, folder=loaded.folder, clock=core.face.clock)
    return Prometheus(await stack.enter_async_context(source))
