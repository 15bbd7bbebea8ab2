"""Service account of a pod: API server, namespace and identity."""

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Environment and mounted files of a pod."""

    folder: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def in_cluster(self) -> bool:
        """True if this process runs in a pod."""
        return bool(self.environment.get("KUBERNETES_SERVICE_HOST"))

    @property
    def namespace(self) -> str | None:
        """The namespace of the pod; None when it is not known."""
        try:
            return (self.folder / "namespace").read_text().strip() or None
        except (OSError, ValueError):
            return None

    def identity(self) -> str:
        """Make an identity from the name of the pod or machine and a random part for each start."""
        name = self.environment.get("POD_NAME") or socket.gethostname()
        return f"{name}_{secrets.token_hex(4)}"
