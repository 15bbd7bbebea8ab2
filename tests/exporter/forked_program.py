"""Processes of `slo-probe` that are forked from a server, see `fork_server.py`."""

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import cast

_ROOT = Path(__file__).parents[2]


@cache
def _start_server() -> socket.socket:
    """Start the server; it ends when this end of the socket is closed."""
    control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.exporter.fork_server", str(other.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=_ROOT,
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        pass_fds=[other.fileno()],
        start_new_session=True,
    )
    other.close()
    atexit.register(server.wait)
    atexit.register(control.close)
    return control


class _Status(asyncio.Protocol):
    """Reads the process id of a program, and its exit status when it has ended."""

    def __init__(self) -> None:
        self.pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()
        self.returncode: int | None = None
        self._text = b""
        self._transport: asyncio.ReadTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.ReadTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._text += data
        pid, *status = self._text.splitlines(keepends=True)
        if pid.endswith(b"\n") and not self.pid.done():
            self.pid.set_result(int(pid))
        if status and status[0].endswith(b"\n"):
            self.returncode = int(status[0])
            self.ended.set()
            if self._transport:
                self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.pid.done():
            self.pid.set_exception(RuntimeError("the server of slo-probe ended"))


class ForkedProgram:
    """Running program, with the methods of `asyncio.subprocess.Process` that tests use."""

    def __init__(
        self,
        pid: int,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader,
        status: _Status,
    ) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self._status = status

    @property
    def returncode(self) -> int | None:
        """Exit status; negative for a signal, and None while it runs."""
        return self._status.returncode

    async def wait(self) -> int | None:
        await self._status.ended.wait()
        return self.returncode

    async def communicate(self) -> tuple[bytes, bytes]:
        """Wait for the end; return the rest of the output."""
        out, err, _ = await asyncio.gather(self.stdout.read(), self.stderr.read(), self.wait())
        return out, err

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):  # its end is not read yet
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


async def fork_program(
    *arguments: str,
    module: str = "exporter.cli",
    environment: Mapping[str, str] = MappingProxyType({}),
) -> ForkedProgram:
    """Start a program with the environment of this process and these variables."""
    (out, for_out), (err, for_err), (status, for_status) = (os.pipe() for _ in range(3))
    request = {
        "module": module,
        "arguments": arguments,
        "environment": {**os.environ, "PYTHONPATH": str(_ROOT), **environment},
    }
    files = for_out, for_err, for_status
    socket.send_fds(_start_server(), [json.dumps(request).encode()], files)
    for file in files:
        os.close(file)
    stdout, stderr = await _open_reader(out), await _open_reader(err)
    loop = asyncio.get_running_loop()
    _, reported = await loop.connect_read_pipe(_Status, os.fdopen(status, "rb", 0))
    return ForkedProgram(await reported.pid, stdout, stderr, reported)


async def _open_reader(file: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb", 0)
    )
    return reader
