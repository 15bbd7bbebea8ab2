"""The availability probe: up, ready, request phases, cold starts and certificate expiry."""

import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from exporter.fields import Address
from exporter.httpclient.auth import CredentialsError
from exporter.listener.server import bind_socket, format_url
from exporter.model.error_kind import ErrorKind
from exporter.model.run import Run
from exporter.model.verdict import Reason
from exporter.probes import ProbeOutcome, ProbeRunner, availability
from exporter.probes.availability.request import parse_expiry
from exporter.schedule.clock import Clock, SystemClock
from exporter.schedule.open_loop import Slot
from slos.schema.contract import Criterion, Verdict
from slos.schema.units import Duration
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import MovedClock
from tests.exporter.in_process_prober import InProcessProber, run_prober
from tests.exporter.tls_files import TlsFiles

TARGET = {"target": "agent-sre"}
UP, DOWN = (Criterion.HEALTH, True), (Criterion.HEALTH, False)


@dataclass
class FakeTarget:
    """A target that answers for its health."""

    health: list[int] = field(default_factory=lambda: [200])
    """Statuses, one after the other; the last one again and again."""
    ready: int = 200
    before: Callable[[], None] = lambda: None
    """Called before each health response."""
    asked: list[str] = field(default_factory=list)
    headers: list[str | None] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/ready", self._ready)
        return app

    async def _health(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self.headers.append(request.headers.get("Authorization"))
        self.before()
        return web.Response(status=self.health.pop(0) if len(self.health) > 1 else self.health[0])

    async def _ready(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.Response(status=self.ready)


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget()


@pytest.fixture
async def prober(path: Path, serving: Serve, target: FakeTarget) -> AsyncIterator[InProcessProber]:
    async with run_prober(path, f"{await serving(target.app())}/events") as made:
        yield made


def build_probe(
    prober: InProcessProber, *, clock: Clock | None = None, **reach: object
) -> availability.AvailabilityProbe:
    changed = replace(prober.context.path_context, clock=clock or SystemClock(), **reach)  # type: ignore[arg-type]
    settings = availability.Settings(timeout=Duration.from_parts(seconds=20))
    return availability.AvailabilityProbe(settings, replace(prober.context, path_context=changed))


async def run_probe(probe: availability.AvailabilityProbe) -> ProbeOutcome:
    return await probe.run(Slot(0.0, 0.0))


def list_phases(prober: InProcessProber) -> set[str]:
    names = ("dns", "connect", "tls", "reply")
    return {
        n
        for n in names
        if prober.read_sample("target_phase_seconds", **TARGET, phase=n) is not None
    }


async def test_an_answering_target_is_up(prober: InProcessProber, target: FakeTarget) -> None:
    outcome = await run_probe(
        build_probe(prober, read_headers=lambda: {"Authorization": "Bearer planted"})
    )
    assert outcome == ProbeOutcome(checks=(UP,))
    assert prober.read_sample("up", **TARGET) == prober.read_sample("ready", **TARGET) == 1
    assert list_phases(prober) == {"dns", "connect", "reply"}
    assert prober.read_sample("cold_starts_total", **TARGET) == 0
    assert target.asked == ["/health", "/ready"]  # at the origin, whatever the path of events
    assert target.headers == ["Bearer planted"]


@pytest.mark.parametrize(
    ("health", "ready", "up", "note"),
    [(503, 200, 0, "/health: answered 503"), (200, 503, 1, "/ready: answered 503")],
)
async def test_a_page_that_does_not_answer_200_fails_the_check(
    prober: InProcessProber, target: FakeTarget, health: int, ready: int, up: int, note: str
) -> None:
    target.health, target.ready = [health], ready
    outcome = await run_probe(build_probe(prober))
    assert outcome == ProbeOutcome(checks=(DOWN,), notes=(note,))
    assert prober.read_sample("up", **TARGET) == up
    assert prober.read_sample("ready", **TARGET) == (ready == 200)


async def test_unasked_is_not_shown(
    prober: InProcessProber, caplog: pytest.LogCaptureFixture
) -> None:
    """The last answer would pass for one of now."""
    gone = False

    def headers() -> dict[str, str]:
        if gone:
            raise CredentialsError("bearer_auth.token_file", "cannot read token")
        return {}

    probe = build_probe(prober, read_headers=headers)
    runner, slot = ProbeRunner([probe], prober.status.metrics), Slot(0.0, 0.0)
    assert not (await runner.run_slot(probe.key, slot)).failed
    assert prober.read_sample("up", **TARGET) == 1
    gone = True
    assert (await runner.run_slot(probe.key, slot)).failed
    assert prober.read_sample("up", **TARGET) is prober.read_sample("ready", **TARGET) is None
    told = "availability: no request was sent: bearer_auth.token_file: cannot read token"
    assert (caplog.messages[-1], caplog.records[-1].exc_info) == (told, None)


async def test_phases_that_were_not_reached_are_absent_again(prober: InProcessProber) -> None:
    await run_probe(build_probe(prober))
    with bind_socket("test", Address("127.0.0.1", 0)) as listener:
        nobody = format_url(listener)
    outcome = await run_probe(build_probe(prober, url=nobody))
    assert outcome.checks == (DOWN,)
    assert outcome.notes[0] == "/health: connection_refused"
    assert list_phases(prober) == {"dns"}
    assert prober.read_sample("up", **TARGET) == prober.read_sample("ready", **TARGET) == 0


async def test_a_name_without_address_is_down(prober: InProcessProber) -> None:
    outcome = await run_probe(build_probe(prober, url="http://agent-sre.invalid/"))
    assert outcome.notes[0] == "/health: dns_failed"
    assert list_phases(prober) == set()


IdleProbe = tuple[availability.AvailabilityProbe, MovedClock]


@pytest.fixture
async def idle_probe(prober: InProcessProber) -> IdleProbe:
    """A target that was asked two minutes ago."""
    clock = MovedClock()
    probe = build_probe(prober, clock=clock)
    await run_probe(probe)
    clock.move(120)
    return probe, clock


async def test_a_cold_start_is_counted(
    prober: InProcessProber, target: FakeTarget, idle_probe: IdleProbe
) -> None:
    probe, clock = idle_probe
    delays = iter([8.0])
    target.before = lambda: clock.move(next(delays, 0.0))
    assert (await run_probe(probe)).checks == (UP,)
    assert prober.read_sample("cold_starts_total", **TARGET) == 1
    assert prober.read_sample("target_phase_seconds", **TARGET, phase="reply") == 0


@pytest.mark.parametrize(("ago", "cold"), [(5, 0), (120, 1)])
@pytest.mark.parametrize("step", [-3600.0, 0.0, 3600.0])
async def test_use_and_no_clock_step_keeps_a_target_warm(
    prober: InProcessProber,
    target: FakeTarget,
    idle_probe: IdleProbe,
    *,
    step: float,
    ago: int,
    cold: int,
) -> None:
    probe, clock = idle_probe
    clock.move(80)
    run = Run("a", "direct", "x", Verdict.OK, Reason.EXECUTED_ONCE)
    prober.status.history.add(replace(run, intended_at=clock.steady() - ago))
    clock.step(step)
    target.before = lambda: clock.move(8)
    await run_probe(probe)
    assert prober.read_sample("cold_starts_total", **TARGET) == cold
    assert cold or prober.read_sample("target_phase_seconds", **TARGET, phase="reply") == 8


@pytest.mark.parametrize(("health", "check", "cold"), [([503, 503, 200], UP, 1), ([503], DOWN, 0)])
async def test_an_idle_target_gets_time_to_wake_up(
    prober: InProcessProber,
    target: FakeTarget,
    idle_probe: IdleProbe,
    *,
    health: list[int],
    check: object,
    cold: int,
) -> None:
    probe, clock = idle_probe
    target.health = health
    assert (await run_probe(probe)).checks == (check,)
    assert prober.read_sample("cold_starts_total", **TARGET) == cold
    clock.move(30)
    target.health = [503, 200]
    assert (await run_probe(probe)).checks == (DOWN,)  # nobody sleeps after 30 s


async def test_a_target_that_is_always_slow_does_not_start_cold(
    prober: InProcessProber, target: FakeTarget
) -> None:
    clock = MovedClock()
    probe = build_probe(prober, clock=clock)
    target.before = lambda: clock.move(2)
    for _ in range(3):
        await run_probe(probe)
        clock.move(120)
    assert prober.read_sample("cold_starts_total", **TARGET) == 0


@pytest.fixture
async def tls_target(tmp_path: Path, target: FakeTarget) -> AsyncIterator[tuple[TlsFiles, str]]:
    files = TlsFiles(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.cert, files.key)
    runner = web.AppRunner(target.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield files, f"https://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_handshake_and_expiry_of_tls(
    prober: InProcessProber, tls_target: tuple[TlsFiles, str]
) -> None:
    files, address = tls_target
    trusting = replace(prober.context.path_context.target_sender, tls=files.build_client_context)
    outcome = await run_probe(build_probe(prober, url=address, target_sender=trusting))
    assert outcome.checks == (UP,)
    assert list_phases(prober) == {"dns", "connect", "tls", "reply"}
    expiry = prober.read_sample("tls_certificate_expiry_timestamp_seconds", **TARGET)
    assert expiry is not None
    assert expiry > SystemClock().wall()


async def test_a_target_without_tls_has_no_expiry_of_the_one_before(
    prober: InProcessProber,
) -> None:
    prober.status.gauges.tls_expiry.labels("agent-sre").set(1.7e9)
    await run_probe(build_probe(prober))
    assert prober.read_sample("tls_certificate_expiry_timestamp_seconds", **TARGET) is None


async def test_trust_comes_from_settings(
    prober: InProcessProber, tls_target: tuple[TlsFiles, str]
) -> None:
    files, address = tls_target
    trusting = replace(prober.context.path_context.target_sender, tls=files.build_client_context)
    assert (await trusting.post(address, b"{}")).status is not None
    assert (await prober.context.path_context.sender.post(address, b"{}")).error is ErrorKind.TLS


async def test_untrusted_cert(
    prober: InProcessProber, tls_target: tuple[TlsFiles, str], target: FakeTarget
) -> None:
    _, address = tls_target
    outcome = await run_probe(build_probe(prober, url=address))
    assert outcome.notes[0] == "/health: tls_failed"
    assert prober.read_sample("tls_certificate_expiry_timestamp_seconds", **TARGET) is not None
    assert target.asked == []
    assert list_phases(prober) == {"dns", "connect"}


AUTHORITY = trustme.CA()


def issue_certificate(until: datetime) -> bytes:
    made = AUTHORITY.issue_cert("agent-sre.example", not_after=until)
    return ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode())


@pytest.mark.parametrize("year", [2020, 2049, 2050, 2090])
def test_the_expiry_is_the_one_written_in_either_format(year: int) -> None:
    until = datetime(year, 3, 1, 12, 30, 15, tzinfo=UTC)
    assert parse_expiry(issue_certificate(until)) == until.timestamp()


def test_it_is_what_the_standard_library_says_of_a_certificate_it_trusts(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file)
    (told,) = context.get_ca_certs()
    written = ssl.PEM_cert_to_DER_cert(AUTHORITY.cert_pem.bytes().decode())
    assert parse_expiry(written) == ssl.cert_time_to_seconds(str(told["notAfter"]))


@given(st.binary(max_size=200))
def test_other_bytes_are_no_certificate(noise: bytes) -> None:
    with pytest.raises(ValueError):
        parse_expiry(noise)


@given(st.data())
def test_a_certificate_cut_short_is_none(data: st.DataObject) -> None:
    whole = issue_certificate(datetime(2040, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError):
        parse_expiry(whole[: data.draw(st.integers(0, 100))])
