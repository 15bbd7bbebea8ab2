"""The security probe: a strict agent passes, the measured one fails where it was measured to."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from yarl import URL

from exporter.clock import SystemClock
from exporter.courier import Turn
from exporter.fields import Address
from exporter.hostile.events import Fault
from exporter.listen import bind
from exporter.means import Means, Outcome
from exporter.paths import direct
from exporter.probes import security
from exporter.simulator.server import running_simulator
from exporter.simulator.settings import Settings as Simulated
from exporter.store import State
from slos.schema.contract import Criterion, Route
from slos.schema.units import Duration
from tests.exporter.bench import Bench, prober
from tests.exporter.canary_names import HOST, Names
from tests.exporter.conftest import Serve
from tests.exporter.strict_agent import StrictAgent

DECOY = 8082
SECRET = "Bearer planted-token-5up3r"  # noqa: S105 - made up, to be looked for


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


def free_port() -> int:
    with contextlib.closing(bind("test", Address("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


@contextlib.asynccontextmanager
async def bench_of(path: Path, url: str, names: Names) -> AsyncIterator[tuple[Bench, int]]:
    """A prober whose canary and decoy are found by the canary's name."""
    async with prober(path, url) as bench:
        decoy = free_port()
        names.lead({80: URL(bench.canary_url).port or 0, DECOY: decoy})
        yield bench, decoy


def asked_of(means: Means, decoy: int, **settings: object) -> security.Security:
    given = {
        "timeout": Duration.of(seconds=2),
        "settle": Duration(50),
        "decoy": Address("127.0.0.1", decoy),
        "decoy_port": DECOY,
        "max_send_lag": Duration.of(seconds=5),
        **settings,
    }
    return security.Security(security.Settings.model_validate(given), means)


async def ask(probe: security.Security) -> Outcome:
    clock = SystemClock()
    return await probe.ask(Turn(clock.now(), clock.wall()))


def passed(outcome: Outcome, criterion: Criterion) -> list[bool]:
    return [met for each, met in outcome.checks if each is criterion]


@pytest.fixture
async def strict(serving: Serve) -> tuple[StrictAgent, str]:
    agent = StrictAgent()
    return agent, await serving(agent.app())


async def test_strict_agent(path: Path, strict: tuple[StrictAgent, str], names: Names) -> None:
    agent, url = strict
    agent.authorization = SECRET
    async with bench_of(path, url, names) as (bench, decoy):
        agent.canary = bench.canary_url
        reach = replace(bench.reach, headers=lambda: {"Authorization": SECRET, "X-Tenant": "a"})
        ways = {Route.DIRECT: direct.Way(direct.Settings(), reach)}
        means = replace(bench.means, reach=reach, ways=ways)
        outcome = await ask(asked_of(means, decoy))
    assert [note for note in outcome.notes if SECRET in note] == []
    assert outcome.notes == ()
    assert {criterion for criterion, _ in outcome.checks} == security.CRITERIA
    assert passed(outcome, Criterion.CONTAINMENT) == [True] * 3
    assert passed(outcome, Criterion.INPUT_VALIDATION) == [True] * len(Fault)
    assert passed(outcome, Criterion.AUTHENTICATION) == [True] * 2
    assert passed(outcome, Criterion.RATE_LIMITING) == [True]
    assert agent.strangers[0] is None
    assert agent.strangers[1] is not None
    assert agent.strangers[1].startswith("Bearer ")
    assert "planted" not in agent.strangers[1]
    assert len(agent.issues) == 1  # that of the ordinary alert


async def test_the_measured_agent_fails_as_it_was_measured(path: Path, names: Names) -> None:
    settings = Simulated(capacity=0)
    async with (
        running_simulator(settings) as simulator,
        bench_of(path, f"{simulator.url}/", names) as (bench, decoy),
    ):
        outcome = await ask(asked_of(bench.means, decoy))
        recorded = await bench.journal.recent(10)
    assert passed(outcome, Criterion.CONTAINMENT) == [False] * 3
    assert passed(outcome, Criterion.INPUT_VALIDATION) == [False] * len(Fault)
    assert passed(outcome, Criterion.AUTHENTICATION) == []  # none are configured
    assert passed(outcome, Criterion.RATE_LIMITING) == [True]
    assert outcome.notes == (
        "security.input_validation: malformed JSON: answered 500",
        "security.input_validation: no id: answered 200",
        "security.input_validation: no source: answered 500",
        "security.input_validation: no specversion: answered 500",
        "security.input_validation: no type: answered 500",
        "security.input_validation: deeply nested JSON: answered 500",
        "security.input_validation: an oversized body: answered 200",
        "security.containment: a name with a slash: corrupted",
        "security.containment: a name with a port: led to the decoy",
        "security.containment: a name with a scheme: led to the decoy",
    )
    assert set(names.asked) == {HOST}  # nobody else was even looked for
    assert {run.probe for run in recorded} == {"security"}
    assert len(recorded) == 4


async def test_what_was_tried_is_journalled_and_no_measurement(path: Path, names: Names) -> None:
    async with (
        running_simulator(Simulated(capacity=0)) as simulator,
        bench_of(path, f"{simulator.url}/", names) as (bench, decoy),
    ):
        outcome = await ask(asked_of(bench.means, decoy))
        states = [state for state, _ in await bench.journal.unfinished()]
        assert bench.sample("checks_total", criterion="success.availability", result="fail") == 0
        counted = bench.sample(
            "probe_runs_total", probe="security", path="direct", verdict="corrupted"
        )
    assert counted is None
    assert outcome.results == ()
    assert State.SENT not in states


async def test_a_decoy_that_is_not_reached_proves_nothing(path: Path, names: Names) -> None:
    async with (
        running_simulator(Simulated(capacity=0)) as simulator,
        bench_of(path, f"{simulator.url}/", names) as (bench, decoy),
    ):
        del names.ports[DECOY]
        outcome = await ask(asked_of(bench.means, decoy))
    assert passed(outcome, Criterion.CONTAINMENT) == [False]  # that with a slash
    assert "security.containment: the decoy is not reached, so no port was tried" in outcome.notes


async def test_nothing_executed_is_no_containment(path: Path, names: Names) -> None:
    async with (
        running_simulator(Simulated(capacity=0)) as simulator,
        bench_of(path, f"{simulator.url}/", names) as (bench, decoy),
    ):
        simulator.faults.set("lost")
        outcome = await ask(asked_of(bench.means, decoy, timeout=Duration(500)))
    assert passed(outcome, Criterion.CONTAINMENT) == []
    assert "security.containment: an ordinary alert was lost" in outcome.notes


async def test_an_agent_that_is_down_is_not_tried(path: Path, names: Names) -> None:
    async with (
        running_simulator(Simulated(capacity=0)) as simulator,
        bench_of(path, f"{simulator.url}/", names) as (bench, decoy),
    ):
        simulator.faults.set("error")
        outcome = await ask(asked_of(bench.means, decoy))
        assert await bench.journal.recent(10) == []
    assert outcome.checks == ()
    assert outcome.notes == ("nothing was tried: an event in order: answered 500",)


async def test_open_to_all(path: Path, strict: tuple[StrictAgent, str], names: Names) -> None:
    agent, url = strict
    async with bench_of(path, url, names) as (bench, decoy):
        agent.canary = bench.canary_url
        reach = replace(bench.reach, headers=lambda: {"x-api-key": "planted"})
        outcome = await ask(asked_of(replace(bench.means, reach=reach), decoy))
    assert passed(outcome, Criterion.AUTHENTICATION) == [False, False]


async def test_large_event_cut(path: Path, strict: tuple[StrictAgent, str], names: Names) -> None:
    agent, url = strict
    agent.cuts_off_long_ones = True
    async with bench_of(path, url, names) as (bench, decoy):
        agent.canary = bench.canary_url
        outcome = await ask(asked_of(bench.means, decoy, body_bytes=4_000_000))
    assert passed(outcome, Criterion.INPUT_VALIDATION) == [True] * len(Fault)


@pytest.mark.parametrize(
    ("expected", "limit", "met"),
    [("expected", 12, True), ("expected", None, False), ("none", 12, False)],
)
async def test_a_limit_is_there_exactly_where_it_is_expected(
    path: Path,
    strict: tuple[StrictAgent, str],
    names: Names,
    expected: str,
    limit: int | None,
    met: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    agent, url = strict
    agent.limit = limit
    async with bench_of(path, url, names) as (bench, decoy):
        agent.canary = bench.canary_url
        outcome = await ask(asked_of(bench.means, decoy, rate_limit=expected))
    assert passed(outcome, Criterion.RATE_LIMITING) == [met]
    assert agent.taken <= 55
