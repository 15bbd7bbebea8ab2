"""Service account of a pod: its environment and mounted files."""

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.leaderelection import LockError


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
    def api_server(self) -> str:
        """URL of the API server.

        Raises:
            LockError: it is not known.
        """
        host, port = (self.environment.get(f"KUBERNETES_SERVICE_{k}") for k in ("HOST", "PORT"))
        if not host or not port:
            raise LockError("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    @property
    def namespace(self) -> str | None:
        """The namespace of the pod; None when it is not known."""
        try:
            return (self.folder / "namespace").read_text().strip() or None
        except (OSError, ValueError):
            return None

    @property
    def token_file(self) -> Path:
        """The token; the kubelet replaces it before it expires."""
        return self.folder / "token"

    def read_token(self) -> str:
        """Read the token.

        Raises:
            LockError: there is none.
        """
        try:
            token = self.token_file.read_text(encoding="ascii").strip()
        except OSError as error:
            raise LockError(f"token {self.token_file}: {error.strerror}") from error
        except ValueError as error:
            raise LockError(f"token {self.token_file}: not ASCII text") from error
        if not token or not token.isprintable():
            raise LockError(f"token {self.token_file}: {'line breaks in it' if token else 'empty'}")
        return token

    def make_identity(self) -> str:
        """Make an identity from the name of the pod or machine and a random part for each start."""
        name = self.environment.get("POD_NAME") or socket.gethostname()
        return f"{name}_{secrets.token_hex(4)}"
