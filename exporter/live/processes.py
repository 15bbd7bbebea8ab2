"""Child processes: started with a log each, awaited, and stopped by process id."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import requests

Found = TypeVar("Found")

_PAUSE = 0.05
_STOP_WITHIN = 10.0


class NotReadyError(Exception):
    """Component that did not become ready; the text names it and holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Child:
    """Running component.

    Attributes:
        name: display name.
        process: the process; it is stopped through this handle only.
        log: file of its output.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, condition: Callable[[], Found | None], *, within: float = 30.0) -> Found:
        """Poll `condition` until it returns a true value, and return that value.

        Raises:
            NotReadyError: the process ended, or `timeout` seconds have passed.
        """
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise NotReadyError(f"{self.name} ended at once:\n{self.last_words()}")
            with suppress(requests.RequestException):
                found = condition()
                if found:
                    return found
            time.sleep(_PAUSE)
        raise NotReadyError(f"{self.name} was not ready in {within:g} s:\n{self.last_words()}")

    def stop(self) -> None:
        """Terminate the process; kill it when it does not end in time."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """Read the end of its log."""
        return self.log.read_text(errors="replace")[-2000:].strip()


def start(name: str, command: Sequence[str | Path], *, folder: Path) -> Child:
    """Start a component in a session of its own, so that Ctrl-C does not reach it.

    If `setpriv` is available, the component is terminated when this process is killed.
    """
    setpriv = shutil.which("setpriv")
    if setpriv:
        command = [setpriv, "--pdeathsig", "TERM", "--", *command]
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own programs and arguments
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    return Child(name, process, log)


def announced(child: Child, words: str) -> str:
    """Wait for the line of a child's log that starts with `prefix`; return the address in it."""

    def look() -> str | None:
        for line in child.log.read_text(errors="replace").splitlines():
            if line.startswith(words):
                return line.removeprefix(words).strip()
        return None

    return child.wait_for(look)


def free_port() -> int:
    """Find an unused loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
