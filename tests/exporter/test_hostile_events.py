"""Hostile events: none can lead away from the canary, or do harm where it is taken."""

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from exporter.events import Alert, CanaryIdentity, ForbiddenEventError, guard, new_id, parameters
from exporter.evidence import TransportFault
from exporter.hostile.events import Fault, faulty, harmless, misnamed
from exporter.hostile.judging import contains, refuses_input, refuses_stranger
from exporter.hostile.names import Ground, Trick, guard_name, hostile_name, readings
from exporter.hostile.strangers import with_wrong, without
from exporter.post import Reply
from slos.schema.contract import Verdict

CANARY = CanaryIdentity("agent-sre-canary", "ai")
GROUND = Ground(CANARY, 8082)
HOST = "agent-sre-canary.ai.svc.cluster.local"


def alert() -> Alert:
    run_id = new_id()
    return Alert(run_id, "security", parameters(run_id, CANARY), CANARY, 1_700_000_000.0)


@pytest.mark.parametrize("trick", Trick)
def test_each_name_leads_to_the_canary(trick: Trick) -> None:
    run_id = new_id()
    led = URL(f"http://{hostile_name(trick, run_id, GROUND)}.ai.svc.cluster.local/health")
    assert led.host == HOST
    assert led.port == (80 if trick is Trick.SLASH else 8082)
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
    ],
)
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ForbiddenEventError):
        guard_name(name, GROUND)
    with pytest.raises(ForbiddenEventError):
        misnamed(alert(), name, GROUND)


PIECES = st.sampled_from(
    [HOST, "agent-sre-canary", "http", "..", "8082", "22", "ai", "/", "//", ":", "@", ".", "x"]
)


@given(st.lists(PIECES, max_size=9).map("".join))
def test_whatever_passes_the_guard_leads_home_in_every_reading(name: str) -> None:
    try:
        guard_name(name, GROUND)
    except ForbiddenEventError:
        return
    for url in readings(name):
        try:
            host = urlsplit(url).hostname
        except ValueError:
            continue
        assert host in (None, HOST)


def test_a_misnamed_alert_is_an_ordinary_one_but_for_the_name() -> None:
    given = alert()
    name = hostile_name(Trick.PORT, given.id, GROUND)
    event = misnamed(given, name, GROUND)
    labels, annotations = event["data"]["labels"], event["data"]["annotations"]
    assert annotations["lambda_function"] == name
    assert (labels["severity"], labels["synthetic"]) == ("info", "true")
    assert event["id"] == given.id
    with pytest.raises(ForbiddenEventError):  # ordinary alerts keep their guard
        guard(event["data"], CANARY)


@pytest.mark.parametrize("fault", Fault)
def test_no_faulty_event_can_fire_an_alert_or_name_another_function(fault: Fault) -> None:
    body = faulty(fault, alert(), size=100_000)
    assert b"alert.fired" not in body
    assert b'"lambda_function": "agent-sre-canary"' in body
    assert b'"severity": "info"' in body
    assert (len(body) > 100_000) == (fault in (Fault.OVERSIZED, Fault.DEEP))


def test_each_fault_is_the_one_it_says() -> None:
    whole = harmless(alert())
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(faulty(Fault.MALFORMED, alert(), size=1))
    missing = {
        Fault.WITHOUT_ID: "id",
        Fault.WITHOUT_SOURCE: "source",
        Fault.WITHOUT_SPECVERSION: "specversion",
        Fault.WITHOUT_TYPE: "type",
    }
    for fault, key in missing.items():
        assert set(whole) - set(json.loads(faulty(fault, alert(), size=1))) == {key}
    with pytest.raises(RecursionError):
        json.loads(faulty(Fault.DEEP, alert(), size=1))
    long = json.loads(faulty(Fault.OVERSIZED, alert(), size=100_000))
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
    reply = Reply(0.0, status, None if status else TransportFault.RESET)
    assert refuses_input(reply) is input_refused
    assert refuses_stranger(reply) is stranger_refused


@pytest.mark.parametrize("verdict", Verdict)
def test_a_call_of_the_decoy_is_never_contained(verdict: Verdict) -> None:
    assert contains(verdict, led_astray=True) is False


def test_a_target_that_says_nothing_is_not_called_contained() -> None:
    silent = (Verdict.UNREACHABLE, Verdict.TIMEOUT, Verdict.UNKNOWN, Verdict.DUPLICATED)
    assert [contains(verdict, led_astray=False) for verdict in silent] == [None] * 4
    assert contains(Verdict.CORRUPTED, led_astray=False) is False
    assert contains(Verdict.REJECTED, led_astray=False) is True


SECRETS = {
    "Authorization": "Basic cGxhbnRlZDpzZWNyZXQ=",
    "x-api-key": "planted-key",
    "X-Scope-OrgID": "tenant",
}


def test_strangers_know_no_secret_and_keep_every_other_header() -> None:
    names = ["authorization", "X-Api-Key"]
    assert without(SECRETS, names) == {"X-Scope-OrgID": "tenant"}
    wrong = with_wrong(SECRETS, names)
    assert wrong["X-Scope-OrgID"] == "tenant"
    assert wrong["Authorization"].startswith("Basic ")
    assert set(wrong) == set(SECRETS)
    assert not {wrong["Authorization"], wrong["x-api-key"]} & set(SECRETS.values())
    assert (
        with_wrong({"Authorization": "Bearer planted"}, names)["Authorization"] != "Bearer planted"
    )
