"""A name service for tests: the canary's names lead to this machine, all others to nobody."""

import socket
from collections.abc import Mapping
from typing import Any

import pytest

HOST = "agent-sre-canary.ai.svc.cluster.local"


class Names:
    """Stands in for DNS, and notes who was asked for."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.ports: dict[int, int] = {}
        """From ports of the canary's Service to ours."""
        self._real = socket.getaddrinfo
        patch.setattr(socket, "getaddrinfo", self._answer)

    def lead(self, ports: Mapping[int, int]) -> None:
        self.ports |= ports

    def _answer(self, host: str, port: int, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - as the library's
        if host in ("127.0.0.1", "localhost"):
            return self._real(host, port, *rest, **more)
        self.asked.append(host)
        if host != HOST:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self._real("127.0.0.1", self.ports.get(int(port), 9), *rest, **more)
