"""`slo-rules push mimir` when the ruler refuses some changes, or is busy."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from tests.docs_pages import ROOT
from tests.generator.command_line import run_slo_rules
from tests.generator.fake_ruler import FakeRuler, serve_ruler
from tests.schema.specs import build_slo, build_spec, dump_yaml

NAMESPACE = "slo-shop"


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that it waited, or would have."""
    seconds: list[float] = []
    monkeypatch.setattr("time.sleep", seconds.append)
    return seconds


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    folder = tmp_path / "slos"
    folder.mkdir()
    write_slos(folder, "errors", "latency")
    return folder


@pytest.fixture
def ruler(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRuler]:
    for name in ("ADDRESS", "TENANT_ID", "API_USER", "API_KEY", "AUTH_TOKEN"):
        monkeypatch.delenv(f"MIMIR_{name}", raising=False)
    with serve_ruler(FakeRuler()) as found:
        yield found


def write_slos(folder: Path, *names: str) -> None:
    slos = [build_slo(name=name) for name in names]
    (folder / "shop.yaml").write_bytes(dump_yaml(build_spec(*slos)))


def push(ruler: FakeRuler, specs: Path, *more: str) -> Result:
    return run_slo_rules("push", "mimir", specs, "--address", ruler.url, "--id", "team", *more)


def list_groups(ruler: FakeRuler) -> list[str]:
    return sorted(ruler.groups["team"][NAMESPACE])


def change_group(ruler: FakeRuler, name: str) -> None:
    ruler.groups["team"][NAMESPACE][name]["rules"][0]["expr"] = "vector(1)"


def list_applied(told: Result) -> list[str]:
    """The groups in the JSON, which are also those of its lines."""
    applied = [each["group"] for each in json.loads(told.stdout)]
    lines = re.findall(r"^(?:added|changed|removed) slo-[^/]+/(\S+)$", told.stderr, re.MULTILINE)
    assert applied == lines
    return applied


def test_at_the_limit_removals_make_room_for_what_was_refused(
    ruler: FakeRuler, specs: Path
) -> None:
    push(ruler, specs)
    ruler.max_groups = len(list_groups(ruler))
    change_group(ruler, "slo-fine-shop-errors")
    write_slos(specs, "errors", "other")
    told = push(ruler, specs, "--json")
    assert told.exit_code == 0, told.output
    acts = [each["act"] for each in json.loads(told.stdout)]
    assert acts == ["remove"] * 3 + ["change"] + ["add"] * 3
    assert len(list_applied(told)) == 7
    assert "no changes" in push(ruler, specs).output


def test_an_update_goes_before_the_addition_that_takes_the_last_room(
    ruler: FakeRuler, specs: Path
) -> None:
    write_slos(specs, "zebra")
    push(ruler, specs)
    ruler.max_groups = len(list_groups(ruler)) + 3
    change_group(ruler, "slo-fine-shop-zebra")
    write_slos(specs, "apple", "zebra")
    assert push(ruler, specs).exit_code == 0


def test_an_update_at_the_limit_without_a_removal_asks_for_a_higher_limit(
    ruler: FakeRuler, specs: Path
) -> None:
    push(ruler, specs)
    ruler.max_groups = 6
    change_group(ruler, "slo-fine-shop-errors")
    ruler.requests.clear()
    told = push(ruler, specs)
    assert told.exit_code == 1
    assert "per-user rule groups limit (limit: 6 actual: 7) exceeded" in told.output
    assert "an update counts as one more group" in told.output
    assert [each.split()[0] for each in ruler.requests] == ["GET", "POST"]


def test_a_refused_group_is_told_and_the_others_go_on(ruler: FakeRuler, specs: Path) -> None:
    ruler.broken_groups = {"slo-fine-shop-errors": (400, "bad rule\n")}
    told = push(ruler, specs, "--json")
    assert told.exit_code == 1
    assert f"error: add {NAMESPACE}/slo-fine-shop-errors: {ruler.url} returned 400: bad rule" in (
        told.stderr.splitlines()
    )
    assert told.stderr.splitlines()[-1] == "1 of 6 changes failed; run again"
    assert sorted(list_applied(told)) == list_groups(ruler)
    assert len(list_groups(ruler)) == 5
    ruler.broken_groups = {}
    assert push(ruler, specs).exit_code == 0


def test_a_protected_namespace_does_not_stop_the_other_specs(ruler: FakeRuler, specs: Path) -> None:
    (specs / "bank.yaml").write_bytes(dump_yaml(build_spec(service="bank")))
    refusal = (403, "namespace is protected, no modification allowed\n")
    ruler.broken_groups = {
        f"slo-{kind}-bank-requests": refusal for kind in ("fine", "coarse", "period")
    }
    told = push(ruler, specs)
    assert "3 of 9 changes failed; run again" in told.output
    assert len(list_groups(ruler)) == 6


def test_a_group_with_too_many_rules_gets_the_hint_of_that_limit(
    ruler: FakeRuler, specs: Path
) -> None:
    ruler.max_rules = 20
    told = push(ruler, specs)
    assert told.exit_code == 1
    assert "hint: raise the tenant's limit -ruler.max-rules-per-rule-group" in told.output
    assert "max-rule-groups-per-tenant" not in told.output


def test_old_groups_stay_while_those_that_replace_them_are_refused(
    ruler: FakeRuler, specs: Path
) -> None:
    push(ruler, specs)
    write_slos(specs, "errors", "speed")
    ruler.broken_groups = {"slo-fine-shop-speed": (400, "bad rule")}
    told = push(ruler, specs)
    assert "4 of 6 changes failed" in told.output
    assert "kept, as the upload of a group that may replace it failed" in told.output
    assert "slo-fine-shop-latency" in list_groups(ruler)


def test_the_groups_of_a_renamed_file_stay_while_the_new_ones_are_refused(
    ruler: FakeRuler, specs: Path
) -> None:
    push(ruler, specs)
    (specs / "shop.yaml").rename(specs / "store.yaml")
    ruler.broken_groups = {"slo-fine-shop-errors": (400, "bad rule")}
    push(ruler, specs, "--prune")
    assert list_groups(ruler) == ["slo-fine-shop-errors"]


def test_a_group_that_is_gone_counts_as_removed(ruler: FakeRuler, specs: Path) -> None:
    push(ruler, specs)
    write_slos(specs, "errors")
    ruler.failures = [404]
    told = push(ruler, specs, "--json")
    assert told.exit_code == 0, told.output
    assert len(list_applied(told)) == 3


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_ruler_is_asked_again_after_longer_and_longer_waits(
    ruler: FakeRuler, specs: Path, sleeps: list[float], status: int
) -> None:
    ruler.failures = [status] * 4
    assert push(ruler, specs).exit_code == 0
    assert sleeps == [1, 2, 4]
    ruler.failures = [status] * 2
    write_slos(specs, "errors")
    assert push(ruler, specs).exit_code == 0, "a removal is repeated too"
    assert list_groups(ruler) == [
        f"slo-{kind}-shop-errors" for kind in ("coarse", "fine", "period")
    ]


def test_the_wait_is_what_the_ruler_asks_for_but_no_hour(
    ruler: FakeRuler, specs: Path, sleeps: list[float]
) -> None:
    ruler.failures, ruler.retry_after = [429], "7"
    assert push(ruler, specs).exit_code == 0
    assert sleeps == [7]
    write_slos(specs, "errors")
    at = datetime.now(UTC) + timedelta(seconds=30)
    ruler.failures, ruler.retry_after = [503], format_datetime(at, usegmt=True)
    assert push(ruler, specs).exit_code == 0
    assert 20 < sleeps[1] <= 30
    write_slos(specs, "errors", "latency")
    ruler.failures, ruler.retry_after = [503], "3600"
    assert push(ruler, specs).exit_code == 0
    assert sleeps[2:] == [60]


def test_a_wait_that_cannot_be_read_is_not_kept(
    ruler: FakeRuler, specs: Path, sleeps: list[float]
) -> None:
    ruler.failures, ruler.retry_after = [503, 503], "a while"
    assert push(ruler, specs).exit_code == 0
    assert sleeps == [1]


def test_a_group_that_always_fails_is_given_up_and_the_others_go_on(
    ruler: FakeRuler, specs: Path, sleeps: list[float]
) -> None:
    ruler.broken_groups = {"slo-fine-shop-errors": (500, "no store")}
    told = push(ruler, specs)
    assert "1 of 6 changes failed; run again" in told.output
    assert len(list_groups(ruler)) == 5
    assert sleeps == [1, 2, 4, 8]


def test_three_failures_of_a_busy_ruler_in_a_row_are_the_last(
    ruler: FakeRuler, specs: Path
) -> None:
    ruler.failures = [503] * 1000
    told = push(ruler, specs, "--json")
    assert told.exit_code == 1
    assert told.stderr.splitlines()[-1] == "3 of 6 changes failed, 3 not tried; run again"
    assert list_applied(told) == []
    assert len(ruler.requests) == 1 + 3 * 6


def test_credentials_that_are_refused_half_way_stop_the_push(ruler: FakeRuler, specs: Path) -> None:
    ruler.failures = [401]
    told = push(ruler, specs)
    assert told.output.splitlines()[-1] == "1 of 6 changes failed, 5 not tried; run again"


def test_a_missing_tenant_gets_a_hint(ruler: FakeRuler, specs: Path) -> None:
    ruler.requires_tenant = True
    told = run_slo_rules("push", "mimir", specs, "--address", ruler.url)
    assert told.exit_code == 1
    assert told.output.splitlines()[-2:] == [
        f"error: {ruler.url} returned 401: no org id",
        "    hint: set the tenant with --id or MIMIR_TENANT_ID",
    ]


def test_the_number_of_groups_on_the_page_is_that_of_the_rules() -> None:
    page = " ".join((ROOT / "docs" / "engines.md").read_text().split())
    files = [yaml.load(path.read_text(), yaml.CSafeLoader) for path in list_rule_files()]
    names = [group["name"] for document in files for group in document["groups"]]
    slos = sum(name.startswith("slo-period-") for name in names)
    alerts = sum(name.startswith("slo-alert-") for name in names)
    recordings = sum(name.startswith("slo-recording-") for name in names)
    assert len(names) == 3 * slos + alerts + recordings
    counted = f"{slos} SLOs, {alerts} alerts and {recordings} recordings"
    assert f"`slos/` has {counted}, which need {len(names)} groups" in page
    assert f"at least {len(names) + 1}" in page


def list_rule_files() -> list[Path]:
    """The committed rules, whose groups are those of the format mimir."""
    return sorted((ROOT / "rules" / "prometheus").glob("*.yaml"))
