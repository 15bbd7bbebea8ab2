"""The leak probe: its queries, its gauges, and leaks of the prober itself."""

import gc
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from exporter.app.components import freeze_gc
from exporter.httpclient.client import HttpClient
from exporter.leakdetection.detector import detect_leaks
from exporter.leakdetection.policy import LeakSignal
from exporter.leakdetection.series import Floats
from exporter.prober.context import ProbeState
from exporter.probes import ProbeOutcome, leak
from exporter.probes.leak.probe import LeakProbe
from exporter.probes.leak.signal_series import SELF_REPLICA, SelfUsage, read_usage
from exporter.prometheus import PrometheusClient
from exporter.schedule.clock import SystemClock
from exporter.schedule.open_loop import Slot
from slos.schema.contract import Criterion, LeakVerdict
from slos.schema.units import Duration
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import MovedClock
from tests.exporter.in_process_prober import InProcessProber, run_prober
from tests.exporter.leaks.agent_memory import HOUR, KB, START, SimulatedAgent
from tests.exporter.scripted_server import NO_FOLDER, build_settings


@dataclass
class FakePrometheus:
    """Answers range queries as the real one does, of whatever range."""

    series: dict[tuple[str, str], tuple[Floats, Floats]] = field(default_factory=dict)
    """Times and values, by metric and pod."""
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/v1/query_range", self._range)
        return app

    async def _range(self, request: web.Request) -> web.Response:
        if self.down:
            return web.Response(status=500)
        form = await request.post()
        query, start, end = str(form["query"]), float(str(form["start"])), float(str(form["end"]))
        self.asked.append(query)
        found = [
            {
                "metric": {"pod": pod},
                "values": [
                    [time, repr(value)]
                    for time, value in zip(times.tolist(), values.tolist(), strict=True)
                    if start <= time <= end
                ],
            }
            for (metric, pod), (times, values) in self.series.items()
            if f"{metric}{{" in query
        ]
        data = {"resultType": "matrix", "result": [one for one in found if one["values"]]}
        return web.json_response({"status": "success", "data": data})


WORKING_SET, FILES = "container_memory_working_set_bytes", "container_file_descriptors"
POD = "agent-sre-00001-deployment-a"
HOURS = 16


@pytest.fixture
def prometheus() -> FakePrometheus:
    return FakePrometheus()


@pytest.fixture
async def setup(
    path: Path, serving: Serve, prometheus: FakePrometheus
) -> AsyncIterator[tuple[InProcessProber, LeakProbe, MovedClock]]:
    clock = MovedClock(wall=START + HOURS * HOUR)
    source = HttpClient(
        "prometheus",
        build_settings(await serving(prometheus.app()), retries=0),
        folder=NO_FOLDER,
        clock=SystemClock(),
    )
    async with run_prober(path, "http://127.0.0.1:9/") as made, source as opened:
        reach = replace(made.context.path_context, clock=clock)
        means = replace(
            made.context,
            path_context=reach,
            prometheus=PrometheusClient(opened),
            count_open_runs=lambda: 3,
            state=ProbeState(started=clock.now()),
        )
        yield (
            made,
            LeakProbe(leak.Settings(window=Duration.from_parts(hours=20)), means),
            clock,
        )


LeakSetup = tuple[InProcessProber, LeakProbe, MovedClock]


async def run_probe(probe: LeakProbe) -> ProbeOutcome:
    return await probe.run(Slot(0.0, 0.0))


def add_replica(
    prometheus: FakePrometheus,
    pod: str = POD,
    *,
    hours: float = HOURS,
    per_event: float = 0.0,
    files_metric: str = FILES,
) -> None:
    """A replica that ran so long, and loses so much memory and a file with each hundred events."""
    agent = SimulatedAgent(hours)
    files = 13 + (agent.events // 100 if per_event else np.zeros(agent.events.size))
    prometheus.series |= {
        (WORKING_SET, pod): (agent.times, agent.simulate_memory(per_event=per_event)),
        (files_metric, pod): (agent.times, files),
        ("kube_pod_start_time", pod): (agent.times, np.full(agent.times.size, START)),
    }


def read_leak_gauge(
    prober: InProcessProber, signal: LeakSignal, pod: str = POD, name: str = "leak_verdict"
) -> float | None:
    return prober.read_sample(name, signal=signal.value, replica=pod)


async def test_an_agent_that_does_not_leak_passes(
    setup: LeakSetup, prometheus: FakePrometheus
) -> None:
    made, probe, _ = setup
    add_replica(prometheus)
    outcome = await run_probe(probe)
    assert outcome == ProbeOutcome(
        checks=((Criterion.LEAKS, True),), notes=("not observed: rss, threads",)
    )
    assert (
        read_leak_gauge(made, LeakSignal.WORKING_SET)
        == read_leak_gauge(made, LeakSignal.OPEN_FILES)
        == LeakVerdict.PASS
    )
    assert read_leak_gauge(made, LeakSignal.WORKING_SET, name="leak_samples") == (HOURS - 2) * 2
    age = read_leak_gauge(made, LeakSignal.WORKING_SET, name="leak_epoch_age_seconds")
    assert age == pytest.approx(HOURS * HOUR, abs=60)
    assert [query for query in prometheus.asked if 'namespace="ai"' not in query] == [
        'sum(agent_sre_validation_probe_runs_total{verdict!~"unknown|unreachable"})'
    ]


def read_observed_signals(prober: InProcessProber) -> dict[str, float | None]:
    return {
        signal.value: prober.read_sample("leak_signal_observed", signal=signal.value)
        for signal in (LeakSignal.WORKING_SET, LeakSignal.OPEN_FILES, LeakSignal.THREADS)
    }


async def test_a_leak_of_files_is_seen_where_the_cluster_drops_the_files_of_containers(
    setup: LeakSetup, prometheus: FakePrometheus
) -> None:
    """kube-prometheus-stack drops `container_file_descriptors`."""
    made, probe, _ = setup
    add_replica(prometheus, per_event=4 * KB, files_metric="process_open_fds")
    assert (await run_probe(probe)).notes[0] == "leak found: open_files, working_set"
    assert read_observed_signals(made) == {"working_set": 1, "open_files": 1, "threads": 0}


async def test_the_pages_get_the_verdicts_in_words_or_why_there_are_none(
    setup: LeakSetup, prometheus: FakePrometheus
) -> None:
    _, probe, clock = setup
    leaks = probe._context.state.leaks
    add_replica(prometheus, per_event=4 * KB)
    await run_probe(probe)
    assert leaks["target"].note == "not observed: rss, threads"
    assert leaks["target"].at == clock.wall()
    texts = {each.signal: each for each in leaks["target"].explanations}
    memory = texts[LeakSignal.WORKING_SET]
    assert (memory.verdict, memory.replica) == (LeakVerdict.LEAK, POD)
    assert memory.growth.endswith(" MB)")
    events_per_hour = SimulatedAgent(HOURS).events[-1] / HOURS
    assert float(memory.growth.split(" MB")[0]) == pytest.approx(
        4 * KB * events_per_hour / 1e6, rel=0.1
    )
    assert "events and time cannot be told apart" in memory.reason, "no events are counted"
    assert {each.verdict for each in leaks["slo-probe"].explanations} == {LeakVerdict.INSUFFICIENT}
    prometheus.down = True
    clock.move(HOUR / 4)
    await run_probe(probe)
    assert leaks["target"].explanations == [], "an old verdict would look current"
    assert leaks["target"].note.startswith("no verdict: ")


async def test_a_signal_without_samples_is_a_visible_gap(
    setup: LeakSetup, prometheus: FakePrometheus
) -> None:
    made, probe, clock = setup
    add_replica(prometheus)
    files = prometheus.series.pop((FILES, POD))
    assert (await run_probe(probe)).notes == ("not observed: open_files, rss, threads",)
    assert read_observed_signals(made) == {"working_set": 1, "open_files": 0, "threads": 0}
    prometheus.series[FILES, POD] = files
    clock.move(HOUR / 4)
    await run_probe(probe)
    assert read_observed_signals(made) == {"working_set": 1, "open_files": 1, "threads": 0}
    clock.move(2 * HOUR)  # scaled to zero meanwhile
    await run_probe(probe)
    assert read_observed_signals(made) == {"working_set": 1, "open_files": 1, "threads": 0}
    prometheus.down = True
    clock.move(HOUR / 4)
    await run_probe(probe)
    assert read_observed_signals(made) == {"working_set": 0, "open_files": 0, "threads": 0}


async def test_without_prometheus_no_signal_is_observed(setup: LeakSetup) -> None:
    made, probe, _ = setup
    blind = LeakProbe(leak.Settings(), replace(probe._context, prometheus=None))
    (note,) = (await run_probe(blind)).notes
    assert note == "not observed, without prometheus: open_files, rss, threads, working_set"
    assert set(read_observed_signals(made).values()) == {0}


async def test_the_ramp_is_no_leak(setup: LeakSetup, prometheus: FakePrometheus) -> None:
    """Alone by its looks, 13 MB that fill with 5,000 events in a day are one, in two signals."""
    made, probe, _ = setup
    agent = SimulatedAgent(HOURS, rate=lambda hours: np.full_like(hours, 208 / HOUR))
    started = np.full(agent.times.size, START)
    prometheus.series = {
        (WORKING_SET, POD): (agent.times, agent.simulate_memory()),
        ("container_memory_rss", POD): (agent.times, agent.simulate_memory()),
        ("kube_pod_start_time", POD): (agent.times, started),
        ("agent_sre_validation_probe_runs_total", ""): (agent.times, agent.events),
    }
    assert (await run_probe(probe)).checks == ()
    assert read_leak_gauge(made, LeakSignal.RSS) == LeakVerdict.INSUFFICIENT
    uncounted = leak.Settings(window=Duration.from_parts(hours=20), events="")
    again = await run_probe(LeakProbe(uncounted, probe._context))
    assert again.checks == ((Criterion.LEAKS, False),)


async def test_a_week_of_events_warms_up(setup: LeakSetup, prometheus: FakePrometheus) -> None:
    """The window of a day or two would never hold the first 6,000 of them."""
    made, probe, clock = setup
    clock.move(124 * HOUR)
    agent = SimulatedAgent(124 + HOURS, rate=lambda hours: np.full_like(hours, 50 / HOUR))
    recent = agent.times > clock.wall() - 20 * HOUR
    prometheus.series = {
        (WORKING_SET, POD): (agent.times[recent], agent.simulate_memory()[recent]),
        ("kube_pod_start_time", POD): (agent.times, np.full(agent.times.size, START)),
        ("agent_sre_validation_probe_runs_total", ""): (agent.times, agent.events),
    }
    assert (await run_probe(probe)).checks == ((Criterion.LEAKS, True),)
    assert read_leak_gauge(made, LeakSignal.WORKING_SET) == LeakVerdict.PASS


async def test_two_witnesses_fail_the_check(setup: LeakSetup, prometheus: FakePrometheus) -> None:
    made, probe, _ = setup
    add_replica(prometheus, per_event=4 * KB)
    outcome = await run_probe(probe)
    assert outcome.checks == ((Criterion.LEAKS, False),)
    assert outcome.notes[0] == "leak found: open_files, working_set"
    assert read_leak_gauge(made, LeakSignal.WORKING_SET) == LeakVerdict.LEAK
    low, slope, high = (
        read_leak_gauge(made, LeakSignal.WORKING_SET, name=f"leak_slope{bound}_per_hour")
        for bound in ("_low", "", "_high")
    )
    assert low is not None
    assert slope is not None
    assert high is not None
    assert 0 < low < slope < high
    assert slope == pytest.approx(4 * KB * HOUR, rel=0.05)


@pytest.mark.parametrize("hours", [HOURS, 2])
async def test_one_witness_or_too_little_data_is_no_check(
    setup: LeakSetup, prometheus: FakePrometheus, hours: int
) -> None:
    made, probe, clock = setup
    clock.move(-(HOURS - hours) * HOUR)
    add_replica(prometheus, hours=hours, per_event=4 * KB)
    del prometheus.series[FILES, POD]
    assert (await run_probe(probe)).checks == ()
    verdict = LeakVerdict.LEAK if hours == HOURS else LeakVerdict.INSUFFICIENT
    assert read_leak_gauge(made, LeakSignal.WORKING_SET) == verdict
    slope = read_leak_gauge(made, LeakSignal.WORKING_SET, name="leak_slope_per_hour")
    assert (slope is None) == (hours == 2)


def test_readings_of_the_prober_are_its_own_and_bounded() -> None:
    own = build_self_usage(window=HOUR)
    for minute in range(1000):
        own.record(minute * 60.0, {LeakSignal.RSS: 1.0})
    assert [len(series.samples) for series in own.list_series()] == [61]
    found = read_usage()
    assert found[LeakSignal.RSS] > 10_000_000
    assert found[LeakSignal.OPEN_FILES] >= 3
    assert found[LeakSignal.THREADS] >= 1


async def test_a_gone_replica_is_not_shown(setup: LeakSetup, prometheus: FakePrometheus) -> None:
    made, probe, clock = setup
    add_replica(prometheus)
    add_replica(prometheus, "agent-sre-b", hours=HOURS - 1)
    await run_probe(probe)
    assert read_leak_gauge(made, LeakSignal.WORKING_SET, "agent-sre-b") is None
    clock.move(HOUR)
    await run_probe(probe)
    assert read_leak_gauge(made, LeakSignal.WORKING_SET) is None
    assert read_leak_gauge(made, LeakSignal.WORKING_SET, name="leak_slope_per_hour") is None


async def test_no_old_verdict_is_left(setup: LeakSetup, prometheus: FakePrometheus) -> None:
    made, probe, clock = setup
    add_replica(prometheus)
    await run_probe(probe)
    prometheus.down = True
    clock.move(HOUR / 4)
    outcome = await run_probe(probe)
    assert outcome.checks == ()
    assert outcome.notes[0].startswith("no verdict: prometheus")
    assert read_leak_gauge(made, LeakSignal.WORKING_SET) is None
    assert read_leak_gauge(made, LeakSignal.RSS, SELF_REPLICA) == LeakVerdict.INSUFFICIENT


async def test_it_judges_itself_as_well(setup: LeakSetup, prometheus: FakePrometheus) -> None:
    made, probe, clock = setup
    add_replica(prometheus)
    await run_probe(probe)
    asked = len(prometheus.asked)
    clock.move(HOUR / 60)
    assert await run_probe(probe) == ProbeOutcome()
    assert len(prometheus.asked) == asked
    ours = {LeakSignal.RSS, LeakSignal.OPEN_FILES, LeakSignal.THREADS, LeakSignal.OPEN_TICKETS}
    assert {s for s in LeakSignal if read_leak_gauge(made, s, SELF_REPLICA) is not None} == ours


def build_self_usage(*, window: float) -> SelfUsage:
    own = SelfUsage(started=0.0)
    own.configure(interval=60.0, window=window)
    return own


async def test_a_reload_forgets_nothing_of_the_prober_and_begins_no_epoch(setup: LeakSetup) -> None:
    made, before, clock = setup
    means = replace(before._context, state=ProbeState(started=clock.now()))
    for _ in range(2):
        probe = LeakProbe(leak.Settings(), means)
        for _ in range(300):
            await run_probe(probe)
            clock.move(60)
    await run_probe(LeakProbe(leak.Settings(), means))
    labels = {"signal": "rss", "replica": SELF_REPLICA}
    assert made.read_sample("leak_epoch_age_seconds", **labels) == 600 * 60


def test_a_prober_that_leaks_files_finds_out() -> None:
    own = build_self_usage(window=48 * HOUR)
    for minute in range(14 * 60):
        own.record(
            minute * 60.0, {LeakSignal.OPEN_FILES: 20.0 + minute // 10, LeakSignal.THREADS: 4.0}
        )
    verdicts = {
        one.signal: one.verdict for one in detect_leaks(own.list_series(), now=14 * HOUR).current
    }
    assert verdicts == {
        LeakSignal.OPEN_FILES: LeakVerdict.LEAK,
        LeakSignal.THREADS: LeakVerdict.PASS,
    }


class ReferenceCycle:
    """Something that refers to itself, as what a turn of duty consists of does."""

    def __init__(self) -> None:
        self.me = self


def test_what_was_spared_once_is_collected_when_another_turn_begins() -> None:
    knot = ReferenceCycle()
    gone = weakref.ref(knot)
    freeze_gc()
    try:
        del knot
        gc.collect()
        assert gone() is not None
        freeze_gc()
        assert gone() is None
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_a_prober_without_the_probe_does_not_import_numpy() -> None:
    imports = "import sys, exporter.app.local_prober; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", imports], check=False).returncode == 0
