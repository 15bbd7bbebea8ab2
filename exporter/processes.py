"""Processes of this machine, read from /proc: CPU, memory, open files and threads by process id."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """Usage of a process at one moment.

    Attributes:
        cpu_seconds: CPU time since its start.
        rss: resident memory in bytes.
        open_files: number of open files; None if this user may not read it.
        threads: number of threads.
        run_delay: seconds for which its main thread was ready and had no CPU; None where the
            kernel does not count them.
    """

    cpu_seconds: float
    rss: int
    open_files: int | None
    threads: int
    run_delay: float | None = None


def read_process(pid: int) -> ProcessUsage | None:
    """Read the usage of a process; None if it has ended, or there is no /proc."""
    folder = _PROC / str(pid)
    try:
        # The name, in parentheses, may hold blanks; the fields after it are numbers.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        rss = int((folder / "statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return None
    try:
        open_files = len(os.listdir(folder / "fd"))  # noqa: PTH208 - a count needs no paths
    except OSError:
        open_files = None
    cpu_seconds = (int(fields[11]) + int(fields[12])) / _TICKS
    return ProcessUsage(cpu_seconds, rss, open_files, int(fields[17]), _read_run_delay(folder))


def _read_run_delay(folder: Path) -> float | None:
    try:
        return int((folder / "schedstat").read_text().split()[1]) / _NANOSECONDS
    except (OSError, IndexError, ValueError):
        return None


def find_local_listeners(host: str | None, port: int) -> list[int]:
    """Find the processes of this machine that listen on a port; none if the host is another one."""
    if not is_loopback(host):
        return []
    inodes = set(_list_listening_inodes(port))
    return [pid for pid in _list_pids() if inodes and inodes & set(_list_socket_inodes(pid))]


def is_loopback(host: str | None) -> bool:
    """Return whether a host of a URL is this machine."""
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _list_listening_inodes(port: int) -> Iterable[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "self" / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _list_pids() -> list[int]:
    try:
        return sorted(int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())
    except OSError:
        return []


def _list_socket_inodes(pid: int) -> Iterable[str]:
    try:
        for entry in (_PROC / str(pid) / "fd").iterdir():
            target = str(entry.readlink())
            if target.startswith("socket:["):
                yield target.removeprefix("socket:[").removesuffix("]")
    except OSError:
        return
