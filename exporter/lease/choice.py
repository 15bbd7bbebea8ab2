"""Which lease it is, by the settings and by where the prober runs."""

from pathlib import Path

from exporter.clock import Clock
from exporter.lease import Lease, LeaseError
from exporter.lease.alone import Alone
from exporter.lease.file import FileLease
from exporter.lease.keeper import LeaseKeeper
from exporter.lease.kubernetes import KubernetesLease
from exporter.lease.service_account import ServiceAccount
from exporter.lease.settings import LeaseSettings


def open_lease(
    settings: LeaseSettings, *, file: Path, clock: Clock, account: ServiceAccount | None = None
) -> Lease:
    """The lease to keep; needs a running loop. Close it when the keeper has ended.

    In a cluster `auto` never falls back to a file: pods with a volume each would all hold theirs.

    Args:
        settings: what was set.
        file: that is locked; all processes must share it.
        clock: the time.
        account: how a pod knows itself; default this one.

    Raises:
        LeaseError: it can never be used from here.
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
    """A keeper with the times that were set."""
    return LeaseKeeper(
        lease,
        clock=clock,
        renew_deadline=float(settings.renew_deadline.seconds),
        retry=float(settings.retry.seconds),
    )
