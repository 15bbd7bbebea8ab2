"""`slo-rules push mimir` with unusual addresses, secrets and responses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from generator.clients.mimir import Ruler, RulerCredentials, RulerError
from generator.clients.rule_groups import ChangeAction, GroupChange
from tests.generator.command_line import run_slo_rules
from tests.generator.fake_ruler import FakeRuler, serve_ruler
from tests.schema.specs import build_spec, dump_yaml

FINE = "slo-fine-shop-requests"


@dataclass
class CannedRuler(FakeRuler):
    """One that answers every GET with the same."""

    says: tuple[int, str] = (200, "{}")

    def handle_request(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, str]:  # noqa: ANN401 - a message
        return self.says if method == "GET" else super().handle_request(method, path, headers, body)


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ADDRESS", "TENANT_ID", "API_USER", "API_KEY", "AUTH_TOKEN"):
        monkeypatch.delenv(f"MIMIR_{name}", raising=False)
    (tmp_path / "shop.yaml").write_bytes(dump_yaml(build_spec()))
    return tmp_path / "shop.yaml"


@pytest.mark.parametrize(
    "text",
    [
        *("<html>log in</html>", "- a", "a: 3", "a: [3]", "a: null", "a: &a [*a]", "\0"),
        *(
            "a: [{name: x}]",
            "a: [{name: x, rules: 3}]",
            f"slo-shop: [{{name: {FINE}, rules: [3]}}]",
        ),
        *("[" * 5000, "!!python/object:os.system x"),
    ],
)
def test_an_answer_that_is_no_rules_is_said_and_nothing_is_sent(specs: Path, text: str) -> None:
    with serve_ruler(CannedRuler(says=(200, text))) as ruler:
        told = run_slo_rules("push", "mimir", specs, "--address", ruler.url)
    assert told.exit_code == 1
    assert (
        told.output == f"error: {ruler.url} did not return rules; check the address and --prefix\n"
    )
    assert not ruler.groups


def test_a_duration_that_is_not_ours_is_a_change(specs: Path) -> None:
    text = f"slo-shop: [{{name: {FINE}, interval: 1.5m, rules: []}}]"
    with serve_ruler(CannedRuler(says=(200, text))) as ruler:
        told = run_slo_rules("push", "mimir", specs, "--address", ruler.url, "--dry-run")
    assert f"would change slo-shop/{FINE}" in told.output


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that it waited, or would have."""
    seconds: list[float] = []
    monkeypatch.setattr("time.sleep", seconds.append)
    return seconds


@pytest.mark.parametrize("status", [302, 304, 500])
def test_whatever_is_no_success_is_a_failure_and_moves_no_cursor(specs: Path, status: int) -> None:
    with serve_ruler(CannedRuler(says=(status, "gone \x1b[2J away"))) as ruler:
        told = run_slo_rules("push", "mimir", specs, "--address", ruler.url)
    assert (told.exit_code, f"returned {status}" in told.output) == (1, True)
    assert "\x1b" not in told.output


def test_a_limit_on_requests_is_not_taken_for_one_on_rules(specs: Path) -> None:
    with serve_ruler(CannedRuler(says=(429, "rate limit exceeded"))) as ruler:
        told = run_slo_rules("push", "mimir", specs, "--address", ruler.url)
    assert (told.exit_code, "too many requests" in told.output) == (1, True)


@pytest.mark.parametrize("address", ["http://a.b", "http://nowhere.invalid"])
def test_a_host_that_cannot_be_looked_up_is_no_crash(specs: Path, address: str) -> None:
    told = run_slo_rules("push", "mimir", specs, "--address", address)
    assert (told.exit_code, f"cannot reach {address}: " in told.output) == (1, True)


@pytest.mark.parametrize("prefix", ["prometheus", "/prometheus/", "/prometheus"])
def test_slashes_around_the_prefix_do_not_matter(specs: Path, prefix: str) -> None:
    with serve_ruler(FakeRuler()) as ruler:
        told = run_slo_rules(
            "push", "mimir", specs, "--address", f"{ruler.url}/", "--prefix", prefix
        )
    assert (told.exit_code, bool(ruler.groups)) == (0, True), told.output


@pytest.mark.parametrize("name", ["MIMIR_TENANT_ID", "MIMIR_AUTH_TOKEN"])
@pytest.mark.parametrize("value", ["s3cr团t", "s3c\nX-Evil: ret"])
def test_what_no_header_can_hold_is_refused_and_not_shown(
    specs: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with serve_ruler(FakeRuler()) as ruler:
        told = run_slo_rules("push", "mimir", specs, "--address", ruler.url)
    assert (told.exit_code, "printable ASCII" in told.output) == (1, True)
    assert value[:3] not in told.output
    assert not ruler.requests


@pytest.mark.parametrize(
    ("variables", "header"),
    [
        ({"MIMIR_AUTH_TOKEN": "s3cret\n"}, "Bearer s3cret"),
        ({"MIMIR_API_USER": "ann", "MIMIR_API_KEY": "pässe\n"}, "Basic YW5uOnDDpHNzZQ=="),
    ],
)
def test_secrets_are_sent_as_they_are_meant_whatever_netrc_says(
    specs: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], header: str
) -> None:
    netrc = specs.parent / "netrc"
    netrc.write_text("default login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with serve_ruler(FakeRuler(required_authorization=header)) as ruler:
        told = run_slo_rules("push", "mimir", specs, "--address", ruler.url)
    assert told.exit_code == 0, told.output


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_group_is_not_removed_when_its_address_would_be_that_of_more(name: str) -> None:
    with serve_ruler(FakeRuler()) as ruler:
        client = Ruler(ruler.url, RulerCredentials())
        with pytest.raises(RulerError, match="mimirtool"):
            client.apply_change(GroupChange(ChangeAction.REMOVE, "slo-shop", name))
    assert not ruler.requests


def test_a_hostile_group_of_others_is_asked_for_by_its_own_name() -> None:
    name = "a/b?c#d%2e ü"
    with serve_ruler(
        FakeRuler(groups={"anonymous": {"slo-shop": {name: {"name": name}}}})
    ) as ruler:
        Ruler(ruler.url, RulerCredentials()).apply_change(
            GroupChange(ChangeAction.REMOVE, "slo-shop", name)
        )
    assert ruler.groups == {"anonymous": {}}
