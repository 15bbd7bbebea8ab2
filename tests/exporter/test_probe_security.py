"""The security probe: hostile events, results and clean-up."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from exporter.fields import Address
from exporter.httpclient.client import Reply
from exporter.listener.server import bind_socket
from exporter.model.alert import (
    Alert,
    CanaryIdentity,
    ForbiddenEventError,
    build_parameters,
    check_alert_is_harmless,
    create_run_id,
)
from exporter.model.error_kind import ErrorKind
from exporter.observers import RemoteObserver, linear
from exporter.paths import Path as DeliveryRoute
from exporter.paths import direct
from exporter.prober.context import ProbeContext
from exporter.probes import ProbeOutcome, security
from exporter.probes.security import SecurityProbe, Settings
from exporter.probes.security.attempts import (
    RateLimit,
    check_containment,
    check_input_refused,
    check_login_refused,
    remove_credentials,
    replace_credentials,
)
from exporter.probes.security.payloads import (
    CanaryHost,
    EventDefect,
    NameAttack,
    build_defective_body,
    build_harmless_event,
    build_hostile_name,
    build_misnamed_event,
    guard_name,
    list_possible_urls,
)
from exporter.schedule.clock import SystemClock
from exporter.schedule.open_loop import Slot
from exporter.simulator.agent_sre.server import Simulator, serve_simulator
from exporter.simulator.agent_sre.settings import Settings as Simulated
from exporter.simulator.linear.server import serve_linear_api
from slos.schema.contract import (
    Criterion,
    DeliveryPath,
    LeftoverKind,
    LoginResult,
    StageSource,
    Verdict,
)
from slos.schema.units import Duration
from tests.exporter.conftest import Serve
from tests.exporter.fake_agent import HOST, FakeDns, StrictAgent
from tests.exporter.in_process_prober import InProcessProber, run_prober
from tests.exporter.linear.conftest import KEY

DECOY = 8082
SECRET = "Bearer planted-token-5up3r"  # noqa: S105 - made up, to be looked for


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> FakeDns:
    return FakeDns(monkeypatch)


def find_free_port() -> int:
    with contextlib.closing(bind_socket("test", Address("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


@contextlib.asynccontextmanager
async def run_prober_with_decoy(
    path: Path, url: str, dns: FakeDns
) -> AsyncIterator[tuple[InProcessProber, int]]:
    """A prober whose canary and decoy are found by the canary's name."""
    async with run_prober(path, url) as prober:
        decoy = find_free_port()
        dns.route_ports({80: URL(prober.canary_url).port or 0, DECOY: decoy})
        yield prober, decoy


def build_probe(means: ProbeContext, decoy: int, **settings: object) -> security.SecurityProbe:
    given = {
        "timeout": Duration.from_parts(seconds=2),
        "settle": Duration(50),
        "decoy": Address("127.0.0.1", decoy),
        "decoy_port": DECOY,
        "max_send_lag": Duration.from_parts(seconds=5),
        **settings,
    }
    return security.SecurityProbe(security.Settings.model_validate(given), means)


async def run_probe(probe: security.SecurityProbe) -> ProbeOutcome:
    clock = SystemClock()
    return await probe.run(Slot(clock.now(), clock.wall()))


def list_results(outcome: ProbeOutcome, criterion: Criterion) -> list[bool | None]:
    return [met for each, met in outcome.checks if each is criterion]


StrictTarget = tuple[StrictAgent, str]


@pytest.fixture
async def strict_target(serving: Serve) -> StrictTarget:
    agent = StrictAgent()
    return agent, await serving(agent.app())


async def test_a_strict_agent_passes_everything(
    path: Path, strict_target: StrictTarget, dns: FakeDns
) -> None:
    agent, url = strict_target
    agent.authorization = SECRET
    async with run_prober_with_decoy(path, url, dns) as (prober, decoy):
        agent.canary = prober.canary_url
        reach = replace(
            prober.context.path_context,
            read_headers=lambda: {"Authorization": SECRET, "X-Tenant": "a"},
        )
        ways: dict[str, DeliveryRoute] = {
            DeliveryPath.DIRECT: direct.Path(direct.Settings(), reach)
        }
        means = replace(prober.context, path_context=reach, paths=ways)
        outcome = await run_probe(build_probe(means, decoy))
        timed = {
            result: prober.read_sample("authentication_duration_seconds_count", result=result.value)
            for result in LoginResult
        }
    assert timed == {LoginResult.ACCEPTED: 1, LoginResult.REFUSED: 2}
    assert [note for note in outcome.notes if SECRET in note] == []
    assert outcome.notes == ("security.rate_limiting: not configured: rate_limit is none",)
    assert {criterion for criterion, _ in outcome.checks} == security.CRITERIA
    assert list_results(outcome, Criterion.CONTAINMENT) == [True] * 3
    assert list_results(outcome, Criterion.INPUT_VALIDATION) == [True] * len(EventDefect)
    assert list_results(outcome, Criterion.AUTHENTICATION) == [True] * 2
    assert list_results(outcome, Criterion.RATE_LIMITING) == [None]
    assert agent.strangers[0] is None
    assert agent.strangers[1] is not None
    assert agent.strangers[1].startswith("Bearer ")
    assert "planted" not in agent.strangers[1]
    assert len(agent.issues) == 1  # that of the ordinary alert


Measured = tuple[Simulator, InProcessProber, int]


@pytest.fixture
async def measured(path: Path, dns: FakeDns) -> AsyncIterator[Measured]:
    """The agent as it was measured, a prober for it, and the port of the decoy."""
    async with (
        serve_simulator(Simulated(capacity=0)) as simulator,
        run_prober_with_decoy(path, f"{simulator.url}/", dns) as (prober, decoy),
    ):
        yield simulator, prober, decoy


async def test_the_measured_agent_fails_as_it_was_measured(
    measured: Measured, dns: FakeDns
) -> None:
    _, prober, decoy = measured
    outcome = await run_probe(build_probe(prober.context, decoy))
    recorded = await prober.components.journal.list_recent(10)
    assert list_results(outcome, Criterion.CONTAINMENT) == [False] * 3
    assert list_results(outcome, Criterion.INPUT_VALIDATION) == [False] * len(EventDefect)
    assert list_results(outcome, Criterion.AUTHENTICATION) == [None]
    assert list_results(outcome, Criterion.RATE_LIMITING) == [None]
    assert outcome.notes == (
        "security.input_validation: malformed JSON: answered 500",
        "security.input_validation: no id: answered 200",
        "security.input_validation: no source: answered 500",
        "security.input_validation: no specversion: answered 500",
        "security.input_validation: no type: answered 500",
        "security.input_validation: deeply nested JSON: answered 500",
        "security.input_validation: an oversized body: answered 200",
        "security.containment: a name with a slash: corrupted",
        "security.containment: a name with a port: led to the honeypot",
        "security.containment: a name with a scheme: led to the honeypot",
        "security.authentication: not configured: the target has no credentials to leave out",
        "security.rate_limiting: not configured: rate_limit is none",
    )
    assert set(dns.asked) == {HOST}  # nobody else was even looked for
    assert {run.probe for run in recorded} == {"security"}
    assert len(recorded) == 4


async def test_what_was_tried_is_journalled_and_no_measurement(measured: Measured) -> None:
    _, prober, decoy = measured
    outcome = await run_probe(build_probe(prober.context, decoy))
    assert await prober.components.journal.list_judged() == []
    assert prober.read_sample("checks_total", criterion="success.availability", result="fail") == 0
    counted = prober.read_sample(
        "probe_runs_total",
        probe="security",
        path="direct",
        verdict="corrupted",
        accepted="false",
    )
    assert counted is None
    assert outcome.runs == ()


async def test_a_decoy_that_is_not_reached_proves_nothing(measured: Measured, dns: FakeDns) -> None:
    _, prober, decoy = measured
    del dns.ports[DECOY]
    outcome = await run_probe(build_probe(prober.context, decoy))
    assert list_results(outcome, Criterion.CONTAINMENT) == [False]  # that with a slash
    assert (
        "security.containment: the honeypot cannot be reached, so no port was tried"
        in outcome.notes
    )


async def test_nothing_executed_is_no_containment(measured: Measured) -> None:
    simulator, prober, decoy = measured
    simulator.faults.set("lost")
    outcome = await run_probe(build_probe(prober.context, decoy, timeout=Duration(500)))
    assert list_results(outcome, Criterion.CONTAINMENT) == []
    assert "security.containment: a normal alert was lost" in outcome.notes


async def test_an_agent_that_is_down_is_not_tried(measured: Measured) -> None:
    simulator, prober, decoy = measured
    simulator.faults.set("error")
    outcome = await run_probe(build_probe(prober.context, decoy))
    assert await prober.components.journal.list_recent(10) == []
    assert outcome.checks == ()
    assert outcome.notes == ("no attempt was made, a valid event failed: answered 500",)


async def test_unasked_credentials_are_a_failure(
    path: Path, strict_target: StrictTarget, dns: FakeDns
) -> None:
    agent, url = strict_target
    async with run_prober_with_decoy(path, url, dns) as (prober, decoy):
        agent.canary = prober.canary_url
        reach = replace(prober.context.path_context, read_headers=lambda: {"x-api-key": "planted"})
        outcome = await run_probe(build_probe(replace(prober.context, path_context=reach), decoy))
    assert list_results(outcome, Criterion.AUTHENTICATION) == [False, False]


async def test_a_large_event_cut_off_is_refused(
    path: Path, strict_target: StrictTarget, dns: FakeDns
) -> None:
    agent, url = strict_target
    agent.cuts_off_long_ones = True
    async with run_prober_with_decoy(path, url, dns) as (prober, decoy):
        agent.canary = prober.canary_url
        outcome = await run_probe(build_probe(prober.context, decoy, body_bytes=4_000_000))
    assert list_results(outcome, Criterion.INPUT_VALIDATION) == [True] * len(EventDefect)


@pytest.mark.parametrize(
    ("expected", "limit", "met"),
    [("expected", 12, True), ("expected", None, False), ("none", 12, False)],
)
async def test_a_limit_is_there_exactly_where_it_is_expected(
    path: Path,
    strict_target: StrictTarget,
    dns: FakeDns,
    expected: str,
    limit: int | None,
    met: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    agent, url = strict_target
    agent.limit = limit
    async with run_prober_with_decoy(path, url, dns) as (prober, decoy):
        agent.canary = prober.canary_url
        outcome = await run_probe(build_probe(prober.context, decoy, rate_limit=expected))
    assert list_results(outcome, Criterion.RATE_LIMITING) == [met]
    assert agent.taken <= 55


statuses = st.lists(st.sampled_from([200, 202, 401, 429, 500, 503, None]), max_size=20)


@given(statuses, st.sampled_from([429, 503]), st.integers(0, 5), st.booleans())
@example([200] * 20, 429, 1, False)  # noqa: FBT003 - positional, as hypothesis asks
@example([429], 429, 1, True)  # noqa: FBT003 - likewise
def test_a_limit_passes_only_where_it_was_seen_to_work(
    statuses: list[int | None],
    status: int,
    allows: int,
    expected: bool,  # noqa: FBT001 - drawn
) -> None:
    limit = RateLimit(status, allows=allows, is_expected=expected)
    is_met = limit.check_burst(statuses)
    was_seen = status in statuses
    if is_met:
        assert expected
        assert was_seen
        assert sum(each in (200, 202) for each in statuses) >= allows
    if not was_seen:
        assert is_met is (False if expected and set(statuses) <= {200, 202} else None)
    if was_seen and not expected:
        assert is_met is False


QUICK = {
    "every": Duration(50),
    "within": Duration.from_parts(seconds=10),
    "linger": Duration.from_parts(seconds=1),
    "requests_per_hour": 1_000_000,
}


async def test_hostile_issues_are_archived(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAR_API_KEY", KEY)
    dns = FakeDns(monkeypatch)
    with bind_socket("test", Address("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with (
        serve_linear_api() as api,
        serve_simulator(Simulated(capacity=0, linear_url=api.url, linear_key=KEY)) as simulator,
        run_prober(path, f"{simulator.url}/") as prober,
        linear.open_observer(
            linear.Settings(url=api.url, key_env="LINEAR_API_KEY", **QUICK),  # type: ignore[arg-type]
            folder=path.parent,
            clock=SystemClock(),
            gauges=prober.status.gauges,
        ) as made,
    ):
        dns.route_ports({80: int(prober.canary_url.rpartition(":")[2]), DECOY: port})
        observer = cast("RemoteObserver", made)
        prober.components.reconciler.configure(
            {StageSource.LINEAR: observer}, {LeftoverKind.LINEAR_ISSUE: observer}
        )
        settings = Settings(
            timeout=Duration.from_parts(seconds=2),
            settle=Duration(50),
            max_send_lag=Duration.from_parts(seconds=5),
            decoy=Address("127.0.0.1", port),
            decoy_port=DECOY,
        )
        clock = SystemClock()
        await SecurityProbe(settings, prober.context).run(Slot(clock.now(), clock.wall()))
        # One for each of four alerts, and one more where the function was not found.
        assert len(api.list_issues()) == 7
        assert len(prober.components.reconciler) == 4
        async with asyncio.timeout(30):
            while len(prober.components.reconciler):
                await prober.components.reconciler.reconcile()
                await asyncio.sleep(0.05)
        assert all(issue["archivedAt"] for issue in api.list_issues())
        assert await prober.components.journal.list_judged() == []
        assert await prober.components.journal.list_backlog() == []
        failed = {"criterion": "AC1.linear_issue_creation", "result": "fail"}
        assert not prober.read_sample("checks_total", **failed)


CANARY = CanaryIdentity("agent-sre-canary", "ai")
GROUND = CanaryHost(CANARY, 8082)


def build_alert() -> Alert:
    run_id = create_run_id()
    return Alert(run_id, "security", build_parameters(run_id, CANARY), CANARY, 1_700_000_000.0)


@pytest.mark.parametrize("trick", NameAttack)
def test_each_name_leads_to_the_canary(trick: NameAttack) -> None:
    run_id = create_run_id()
    led = URL(f"http://{build_hostile_name(trick, run_id, GROUND)}.ai.svc.cluster.local/health")
    assert led.host == HOST
    assert led.port == (80 if trick is NameAttack.SLASH else 8082)
    assert run_id in led.path


@pytest.mark.parametrize(
    "name",
    [
        "",
        "agent-sre-canary",
        "flux-reconcile",
        "flux-reconcile/agent-sre-canary",
        f"flux-reconcile.ai.svc.cluster.local/{HOST}",
        f"http://{HOST}/",
        f"http/{HOST}",
        f"{HOST}:22/",
        f"{HOST}@evil.example/",
        f"{HOST}.evil.example/{HOST}",
        f"{HOST}/../../flux-reconcile",
        f"{HOST}%2f@evil.example/",
        f"{HOST}/\\evil.example",
        f"{HOST}/?x",
        f"//evil.example/{HOST}",
        f"{HOST}/\r\nHost: evil.example",
        f"8082/{HOST}",
        f"//agent-sre-canary:{HOST}",
    ],
)
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ForbiddenEventError):
        guard_name(name, GROUND)
    with pytest.raises(ForbiddenEventError):
        build_misnamed_event(build_alert(), name, GROUND)


PIECES = st.sampled_from(
    [HOST, "agent-sre-canary", "http", "..", "8082", "22", "ai", "/", "//", ":", "@", ".", "x"]
)


@given(st.lists(PIECES, max_size=9).map("".join))
@example(f"//agent-sre-canary:{HOST}")
def test_whatever_passes_the_guard_leads_home_in_every_reading(name: str) -> None:
    try:
        guard_name(name, GROUND)
    except ForbiddenEventError:
        return
    for url in list_possible_urls(name):
        try:
            host = urlsplit(url).hostname
        except ValueError:
            continue
        assert host in (None, HOST)


def test_a_misnamed_alert_is_an_ordinary_one_but_for_the_name() -> None:
    given = build_alert()
    name = build_hostile_name(NameAttack.PORT, given.id, GROUND)
    event = json.loads(build_misnamed_event(given, name, GROUND))
    labels, annotations = event["data"]["labels"], event["data"]["annotations"]
    assert annotations["lambda_function"] == name
    assert (labels["severity"], labels["synthetic"]) == ("info", "true")
    assert event["id"] == given.id
    with pytest.raises(ForbiddenEventError):  # ordinary alerts keep their guard
        check_alert_is_harmless(event["data"], CANARY)


@pytest.mark.parametrize("fault", EventDefect)
def test_no_faulty_event_can_fire_an_alert_or_name_another_function(fault: EventDefect) -> None:
    body = build_defective_body(fault, build_alert(), size=100_000)
    assert b"alert.fired" not in body
    assert b'"lambda_function": "agent-sre-canary"' in body
    assert b'"severity": "info"' in body
    assert (len(body) > 100_000) == (fault in (EventDefect.OVERSIZED, EventDefect.DEEP))


def test_each_fault_is_the_one_it_says() -> None:
    whole = json.loads(build_harmless_event(build_alert()))
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(build_defective_body(EventDefect.MALFORMED, build_alert(), size=1))
    missing = {
        EventDefect.WITHOUT_ID: "id",
        EventDefect.WITHOUT_SOURCE: "source",
        EventDefect.WITHOUT_SPECVERSION: "specversion",
        EventDefect.WITHOUT_TYPE: "type",
    }
    for fault, key in missing.items():
        assert set(whole) - set(json.loads(build_defective_body(fault, build_alert(), size=1))) == {
            key
        }
    with pytest.raises(RecursionError):
        json.loads(build_defective_body(EventDefect.DEEP, build_alert(), size=1))
    long = json.loads(build_defective_body(EventDefect.OVERSIZED, build_alert(), size=100_000))
    assert long["data"]["labels"] == whole["data"]["labels"]


@pytest.mark.parametrize(
    ("status", "input_refused", "stranger_refused"),
    [
        (200, False, False),
        (302, False, False),
        (400, True, False),
        (401, True, True),
        (403, True, True),
        (413, True, False),
        (429, None, None),
        (500, False, None),
        (None, None, None),
    ],
)
def test_an_answer_is_a_refusal_or_not_or_says_nothing(
    status: int | None,
    input_refused: bool | None,  # noqa: FBT001 - a table
    stranger_refused: bool | None,  # noqa: FBT001 - likewise
) -> None:
    reply = Reply(0.0, status, None if status else ErrorKind.RESET)
    assert check_input_refused(reply) is input_refused
    assert check_login_refused(reply) is stranger_refused


@pytest.mark.parametrize("verdict", Verdict)
def test_a_call_of_the_decoy_is_never_contained(verdict: Verdict) -> None:
    assert check_containment(verdict, honeypot_called=True) is False


def test_a_target_that_says_nothing_is_not_called_contained() -> None:
    silent = (Verdict.UNREACHABLE, Verdict.TIMEOUT, Verdict.UNKNOWN, Verdict.DUPLICATED)
    assert [check_containment(verdict, honeypot_called=False) for verdict in silent] == [None] * 4
    assert check_containment(Verdict.CORRUPTED, honeypot_called=False) is False
    assert check_containment(Verdict.REJECTED, honeypot_called=False) is True


SECRETS = {
    "Authorization": "Basic cGxhbnRlZDpzZWNyZXQ=",
    "x-api-key": "planted-key",
    "X-Scope-OrgID": "tenant",
}


def test_strangers_know_no_secret_and_keep_every_other_header() -> None:
    dns = ["authorization", "X-Api-Key"]
    assert remove_credentials(SECRETS, dns) == {"X-Scope-OrgID": "tenant"}
    wrong = replace_credentials(SECRETS, dns)
    assert wrong["X-Scope-OrgID"] == "tenant"
    assert wrong["Authorization"].startswith("Basic ")
    assert set(wrong) == set(SECRETS)
    assert not {wrong["Authorization"], wrong["x-api-key"]} & set(SECRETS.values())
    assert (
        replace_credentials({"Authorization": "Bearer planted"}, dns)["Authorization"]
        != "Bearer planted"
    )
