"""Selection of the lock, by the settings and by the environment of the prober."""

from pathlib import Path

from exporter.lease import Lease, LeaseError
from exporter.lease.alone import Alone
from exporter.lease.file import FileLease
from exporter.lease.keeper import LeaseKeeper
from exporter.lease.kubernetes import KubernetesLease
from exporter.lease.service_account import ServiceAccount
from exporter.lease.settings import LeaseSettings
from exporter.schedule.clock import Clock


def open_lease(
    settings: LeaseSettings, *, file: Path, clock: Clock, account: ServiceAccount | None = None
) -> Lease:
    """Open the lock to use; needs a running event loop. Close it when the elector has ended.

    In a cluster `auto` never falls back to a file: pods with a volume each would all hold their
    own.

    Args:
        settings: settings of the leader election.
        file: file to lock; all processes must share it.
        clock: the clock.
        account: service account of the pod; default that of this process.

    Raises:
        LockError: the lock can never be used from here.
    """
    account = account or ServiceAccount()
    kind = settings.kind
    if kind == "auto":
        kind = "kubernetes" if account.in_cluster else "file"
    if kind == "none":
        return Alone()
    if kind == "file":
        lease = FileLease(file, identity=account.identity())
        lease.check()
        return lease
    namespace = settings.namespace or account.namespace
    if namespace is None:
        raise LeaseError("the namespace of the pod is not known; set lease.namespace")
    from exporter.lease.api_server import ApiServer  # noqa: PLC0415 - a second, only where needed

    return KubernetesLease(
        ApiServer(account, name=settings.name, namespace=namespace),
        identity=account.identity(),
        duration=float(settings.duration.seconds),
        clock=clock,
    )


def keeper_of(lease: Lease, settings: LeaseSettings, *, clock: Clock) -> LeaseKeeper:
    """Build an elector from the settings."""
    return LeaseKeeper(
        lease,
        clock=clock,
        renew_deadline=float(settings.renew_deadline.seconds),
        retry=float(settings.retry.seconds),
    )
