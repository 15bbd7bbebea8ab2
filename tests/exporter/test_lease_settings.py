"""Settings of the lease, and which lease comes of them."""

import socket
from pathlib import Path

import pytest

from exporter.lease import LeaseError
from exporter.lease.alone import Alone
from exporter.lease.choice import open_lease
from exporter.lease.file import FileLease
from exporter.lease.service_account import ServiceAccount
from exporter.lease.settings import LeaseSettings
from tests.exporter.fake_clock import FakeClock

IN_CLUSTER = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}


def test_the_defaults_are_those_of_kubernetes() -> None:
    settings = LeaseSettings()
    times = (settings.duration, settings.renew_deadline, settings.retry)
    assert [str(time) for time in times] == ["15s", "10s", "2s"]
    assert (settings.kind, settings.name, settings.namespace) == ("auto", "slo-probe", None)


def test_every_setting_says_what_it_means() -> None:
    assert all(field.description for field in LeaseSettings.model_fields.values())


async def test_outside_a_cluster_a_file_decides(tmp_path: Path, clock: FakeClock) -> None:
    account = ServiceAccount(tmp_path, {})
    lease = open_lease(
        LeaseSettings(name="x"), file=tmp_path / "slo-probe.lease", clock=clock, account=account
    )
    assert isinstance(lease, FileLease)
    assert await lease.acquire_or_renew()
    assert (tmp_path / "slo-probe.lease").exists()
    await lease.close()


async def test_none_is_no_lease(tmp_path: Path, clock: FakeClock) -> None:
    settings = LeaseSettings(kind="none")
    account = ServiceAccount(tmp_path, IN_CLUSTER)
    lease = open_lease(settings, file=tmp_path / "slo-probe.lease", clock=clock, account=account)
    assert isinstance(lease, Alone)


async def test_in_a_cluster_no_file_is_used(tmp_path: Path, clock: FakeClock) -> None:
    account = ServiceAccount(tmp_path, IN_CLUSTER)
    with pytest.raises(LeaseError, match=r"set lease\.namespace"):
        open_lease(LeaseSettings(), file=tmp_path / "slo-probe.lease", clock=clock, account=account)
    settings = LeaseSettings(namespace="ai")
    with pytest.raises(LeaseError, match="Service token file does not exist"):
        open_lease(settings, file=tmp_path / "slo-probe.lease", clock=clock, account=account)


async def test_a_cluster_that_is_not_there_is_told(tmp_path: Path, clock: FakeClock) -> None:
    settings = LeaseSettings(kind="kubernetes", namespace="ai")
    with pytest.raises(LeaseError, match="no service account to log in with"):
        open_lease(
            settings,
            file=tmp_path / "slo-probe.lease",
            clock=clock,
            account=ServiceAccount(tmp_path, {}),
        )


def test_no_two_starts_have_the_same_identity() -> None:
    account = ServiceAccount(environment={"POD_NAME": "slo-probe-7d9f"})
    assert account.identity().startswith("slo-probe-7d9f_")
    assert account.identity() != account.identity()
    assert ServiceAccount(environment={}).identity().startswith(f"{socket.gethostname()}_")
